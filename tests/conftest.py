"""Settings of all tests."""

from __future__ import annotations

import gc
import logging
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask
import pytest
from hypothesis import settings

from adaptive_dask.logs import ROOT

# The same examples every time; `pytest --hypothesis-profile=search` looks for new ones.
settings.register_profile("seeded", derandomize=True, deadline=None, database=None)
settings.register_profile("search", max_examples=2000, deadline=None, print_blob=True)
settings.load_profile("seeded")

# Shells start jobs in the background with Ctrl-C ignored, which the programs that tests start would inherit.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Workers are forked from a process that has imported distributed, instead of importing it each: a cluster starts in a
# fifth of the time. It is no environment variable because the examples have to run with Dask's defaults.
dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"})

# The files that take longest begin first, so that the processes of pytest-xdist finish at the same time.
LONGEST_FIRST = (
    "tests/examples/test_python_adaptive.py",
    "tests/slurm/test_examples.py",
    "tests/browser/",
    "tests/examples/",
    "tests/test_examples.py",
    "tests/slurm/",
    "tests/cluster/",
    "tests/runner/",
)

# Folders whose tests are all marked as long: browsers, notebooks and batch systems.
LONG_FOLDERS = ("tests/browser/", "tests/examples/", "tests/slurm/")
LEFT_OUT = pytest.StashKey[int]()
LEFT_OUT_ON_WORKER = "long_tests_left_out"  # workers of pytest-xdist report it under this name


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--long``."""
    parser.addoption("--long", action="store_true", help="run the tests marked as long, too")


def _rank(item: pytest.Item) -> int:
    starts = (rank for rank, name in enumerate(LONGEST_FIRST) if item.nodeid.startswith(name))
    return next(starts, len(LONGEST_FIRST))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out long tests that nobody asked for; sort the others if several processes share them."""
    for item in items:
        if item.nodeid.startswith(LONG_FOLDERS):
            item.add_marker("long")
    _leave_out_long_tests(config, items)
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=_rank)


def pytest_collection_finish() -> None:
    """Collect garbage less often, and not in modules and tests: that takes a fifth of the time of the pictures."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def _leave_out_long_tests(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect them, but for ``--long``, ``-m`` with the marker, and files that are named on the command line."""
    if config.getoption("--long") or "long" in config.getoption("markexpr"):
        return
    named = {(config.invocation_params.dir / arg.partition("::")[0]).resolve() for arg in config.args}
    left_out = [item for item in items if item.get_closest_marker("long") and Path(item.path) not in named]
    config.stash[LEFT_OUT] = len(left_out)
    if hasattr(config, "workeroutput"):
        config.workeroutput[LEFT_OUT_ON_WORKER] = len(left_out)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        out = set(left_out)
        items[:] = [item for item in items if item not in out]


@pytest.fixture
def caplog(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Also capture the messages of this package, which Dask's loggers do not pass on to the root."""
    root = logging.getLogger(ROOT)
    is_captured = caplog.handler in root.handlers  # by pytest, from 9.2 on
    root.addHandler(caplog.handler)
    level = root.level
    root.setLevel(logging.WARNING)
    yield caplog
    root.setLevel(level)
    if not is_captured:
        root.removeHandler(caplog.handler)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take the number from a worker of pytest-xdist; all of them leave out the same tests."""
    node.config.stash[LEFT_OUT] = getattr(node, "workeroutput", {}).get(LEFT_OUT_ON_WORKER, 0)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say what was left out."""
    if count := config.stash.get(LEFT_OUT, 0):
        terminalreporter.write_line(f"{count} long tests were left out. To run all tests: pytest --long")
