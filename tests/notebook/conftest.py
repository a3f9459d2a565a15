"""Kernels, as a notebook has them, without a browser."""

from __future__ import annotations

import contextlib
import json
import queue
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ..patience import TIMEOUT

client_module = pytest.importorskip("jupyter_client")
pytest.importorskip("ipykernel")
pytest.importorskip("ipywidgets")
pytest.importorskip("holoviews")


START = """
import time
import adaptive_dask as adaptive
adaptive.notebook_extension()
from concurrent.futures import ThreadPoolExecutor


def slow(x):
    time.sleep(0.01)
    return x * x
"""


class Kernel:
    """A kernel, what it is to do, and what it sends.

    Attributes
    ----------
    widgets : dict of str to dict
        The state of each widget, by id.
    displayed : list of dict
        What was displayed, by MIME type.
    titles : list of str
        Those of pictures, whenever one is changed.
    """

    def __init__(self, manager: Any, client: Any) -> None:
        self.manager = manager
        self.client = client
        self.widgets: dict[str, dict[str, Any]] = {}
        self.displayed: list[dict[str, Any]] = []
        self.titles: list[str] = []

    def run(self, code: str, timeout: float = TIMEOUT) -> str:
        """Run a cell; returns what it prints. Raises what it raised."""
        return self.finish(self.begin(code), timeout)

    @contextlib.contextmanager
    def at_work(self, stop: Path, sleep: str = "time.sleep") -> Iterator[None]:
        """A cell that is at work, by default without giving the event loop a chance, until a file is there."""
        code = f"import asyncio, os\nwhile not os.path.exists({str(stop)!r}): {sleep}(0.05)"
        request = self.begin(code)
        try:
            yield
        finally:
            stop.touch()
        self.finish(request)

    def finish(self, request: str, timeout: float = TIMEOUT) -> str:
        """Wait for the end of a cell that was begun."""
        text = ""
        deadline = time.monotonic() + timeout
        while True:
            message = self.next_message(deadline)
            if message["parent_header"].get("msg_id") != request:
                continue
            content = message["content"]
            if message["msg_type"] == "stream":
                text += content["text"]
            elif message["msg_type"] == "error":
                raise RuntimeError("\n".join(content["traceback"]))
            elif message["msg_type"] == "status" and content["execution_state"] == "idle":
                return text

    def begin(self, code: str) -> str:
        """Begin to run a cell; also right after one that raised, which would abort those that wait."""
        return str(self.client.execute(code, stop_on_error=False))

    def next_message(self, deadline: float) -> dict[str, Any]:
        """The next message, taken into account."""
        try:
            message: dict[str, Any] = self.client.get_iopub_msg(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            raise TimeoutError("The kernel says nothing more.") from None
        content = message["content"]
        if message["msg_type"] in ("comm_open", "comm_msg") and "state" in content["data"]:
            self.widgets.setdefault(content["comm_id"], {}).update(content["data"]["state"])
        elif message["msg_type"] == "comm_msg" and isinstance(content["data"], str):
            self.titles += re.findall(r'"text","new":"([^"]*points[^"]*)"', content["data"])
        elif message["msg_type"] == "comm_close":
            self.widgets.pop(content["comm_id"], None)
        elif message["msg_type"] in ("display_data", "execute_result"):
            self.displayed.append(content["data"])
        return message

    @property
    def figures(self) -> str:
        """What the widgets show in HTML."""
        return "\n".join(state["value"] for state in self.widgets.values() if state.get("_model_name") == "HTMLModel")

    def button(self, text: str) -> str:
        """The id of a button."""
        return next(i for i, state in self.widgets.items() if state.get("description") == text)

    def click(self, text: str) -> None:
        """Click a button, as a browser does."""
        data = {"method": "custom", "content": {"event": "click"}}
        self._send("comm_msg", {"comm_id": self.button(text), "data": data})

    def open_pictures(self) -> None:
        """Open a comm for each picture that was displayed, as a browser does."""
        for target in re.findall(r'"client_comm_id":"([0-9a-f]+)"', json.dumps(self.displayed).replace("\\", "")):
            self._send("comm_open", {"comm_id": target, "target_name": target, "data": {}})

    def _send(self, kind: str, content: dict[str, Any]) -> None:
        self.client.shell_channel.send(self.client.session.msg(kind, content))

    def until(self, predicate: Any, timeout: float = TIMEOUT) -> None:
        """Take messages until something is true."""
        deadline = time.monotonic() + timeout
        while not predicate():
            self.next_message(deadline)


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A kernel for all tests of a file."""
    manager = client_module.KernelManager(kernel_name="python3")
    # Elsewhere than here: a kernel does not look for modules in the folder in which it is started.
    manager.start_kernel(extra_arguments=["--IPKernelApp.log_level=ERROR"], cwd=str(tmp_path_factory.mktemp("kernel")))
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=120)
        kernel = Kernel(manager, client)
        kernel.run(START, timeout=120)
        yield kernel
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()


@pytest.fixture
def kernel(started: Kernel) -> Kernel:
    """A kernel without anything that goes on, or is shown."""
    started.run("import ipywidgets; ipywidgets.Widget.close_all()")
    started.widgets.clear()
    started.displayed.clear()
    started.titles.clear()
    return started
