"""How tests wait on a small and busy machine, and what Dask logs on one."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from typing import Any

# In seconds. Whatever takes longer is not slow but broken; no test waits for so long when all is well.
TIMEOUT = 120.0

# Of `gen_cluster`: two workers in this process. Threads of evaluators may outlive a test for a moment.
OPTIONS: dict[str, Any] = {
    "client": True,
    "nthreads": [("127.0.0.1", 2)] * 2,
    "timeout": 2 * TIMEOUT,
    "active_rpc_timeout": TIMEOUT,
    "config": {"distributed.comm.timeouts.connect": f"{TIMEOUT} s"},
    "clean_kwargs": {"threads": False},
}

# What Dask logs, with tracebacks, if a worker sends a heartbeat while its cluster is closed.
HEARTBEAT = re.compile(
    r"^\S+ \S+ - distributed\.worker - ERROR - Failed to communicate with scheduler during heartbeat\.\n"
    r"(?:(?: .*|Traceback .*|The above .*|During .*|[\w.]+(?:Error|Exception)\b.*|)\n)*",
    re.MULTILINE,
)


def wait_until(condition: Callable[[], Any], explain: Callable[[], str] = str) -> Any:
    """Poll a condition until it holds; a test that has to wait says for what."""
    deadline = time.monotonic() + TIMEOUT
    while not (value := condition()):
        assert time.monotonic() < deadline, f"{condition} did not become true in {TIMEOUT} s\n{explain()}"
        time.sleep(0.01)  # between two looks
    return value


async def until(condition: Callable[[], Any]) -> None:
    """`wait_until` on an event loop."""
    async with asyncio.timeout(TIMEOUT):
        while not condition():
            await asyncio.sleep(0.005)  # between two looks
