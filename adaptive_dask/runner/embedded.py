"""Find the Dask client for a run, or start a local cluster."""

from __future__ import annotations

import functools
import multiprocessing.spawn
import sys
import warnings
from typing import Any

import distributed

from adaptive_dask import output
from adaptive_dask.local.coroutines import is_asynchronous
from adaptive_dask.local.pools import ACCEPTED, is_executor
from adaptive_dask.logs import get_logger

logger = get_logger(__name__)

# Dask's name for the processes of its workers.
WORKER_PROCESS = "Dask Worker process (from Nanny)"

# Ctrl-C in a terminal is sent to all processes. Workers ignore it; the user's process closes them.
IGNORE_INTERRUPTS = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"


def find_client(executor: distributed.Client | None, *, embed: bool = True) -> distributed.Client:
    """Return the given client, the current one, or that of a new LocalCluster.

    Parameters
    ----------
    executor : Client, optional
    embed : bool, default: True
        Whether to start a cluster if there is no client.

    Raises
    ------
    TypeError
        If a run cannot use the executor.
    ValueError
        If there is no client and none is to be started, or if it is closed.
    """
    output.spare_this_process()
    if executor is None:
        try:
            client: distributed.Client = distributed.default_client()
        except ValueError:
            pass
        else:
            return client
        if not embed:
            raise ValueError(
                "There is no Dask client. Connect one to the scheduler of the run, with "
                "dask.distributed.Client(address), or pass it as client=."
            )
        return _embed()
    if not isinstance(executor, distributed.Client):
        raise TypeError(f"client must be a dask.distributed.Client, got {type(executor).__name__}.")
    if executor.status in ("closing", "closed"):
        raise ValueError("client must be open, got a closed dask.distributed.Client. Connect a new one.")
    return executor


def is_local(executor: Any, learner: Any) -> bool:
    """Return True if a run is driven by this process, not by a Dask scheduler.

    This includes coroutine functions without an executor, because objects such as an HTTP session usually belong to
    the event loop of this process. Pass a Dask client to evaluate them on a cluster.

    Raises
    ------
    TypeError
        If a run cannot use the executor.
    """
    if executor is None:
        return is_asynchronous(learner)
    if isinstance(executor, distributed.Client):
        return False
    if not is_executor(executor):
        raise TypeError(
            f"executor must be {ACCEPTED}, got {type(executor).__name__}. Omit it to use the current Dask client, "
            "or a new local cluster."
        )
    return True


def _embed() -> distributed.Client:
    _spare_the_main_script()
    with warnings.catch_warnings():
        # Dask warns if its usual port is taken and uses another one; the address is printed below.
        warnings.filterwarnings("ignore", message="Port .* is already in use")
        client = distributed.Client(dashboard_address="127.0.0.1:8787", asynchronous=False, preload=[IGNORE_INTERRUPTS])
    print(f"adaptive_dask: no Dask client, so a local cluster was started; dashboard: {client.dashboard_link}")
    return client


@functools.cache
def _spare_the_main_script() -> None:
    """Prevent the workers of the embedded cluster from importing the main script.

    `multiprocessing` imports the main script in each process that it spawns. A script without ``if __name__ ==
    "__main__":`` would start another cluster there, recursively. The import is not needed, because definitions in the
    script are pickled by value. The change applies to restarted workers as well, and does not affect other clusters.
    """
    prepare = multiprocessing.spawn.get_preparation_data

    def prepare_without_main(name: str) -> dict[str, Any]:
        data = prepare(name)
        # The name of the process is not sufficient, because all workers of Dask have the same one.
        if name == WORKER_PROCESS and _is_embedded(sys._getframe(1).f_locals.get("process_obj")):
            data.pop("init_main_from_name", None)
            data.pop("init_main_from_path", None)
        return data

    multiprocessing.spawn.get_preparation_data = prepare_without_main


def _is_embedded(process: Any) -> bool:
    """Return True if a spawned process is a worker with the preload of the embedded cluster."""
    targets = [target for target in getattr(process, "_args", ()) if isinstance(target, functools.partial)]
    factories = [target.keywords.get("worker_factory") for target in targets]
    return any(IGNORE_INTERRUPTS in (factory.keywords.get("preload") or ()) for factory in factories if factory)
