"""The processes that a test has started, directly or not."""

from __future__ import annotations

import os
from pathlib import Path

from adaptive_dask.isolated.process_tree import Process, descendants, list_processes

_others: set[Process] = set()


def note_others() -> None:
    """Before a test: what earlier tests have left, such as executors, does not count."""
    _others.clear()
    _others.update(_all())


def processes_here() -> list[Process]:
    """The processes of the test; Python's own, which stay until the end of the program, do not count."""
    return [each for each in _all() if each not in _others and not _is_pythons(each)]


def _all() -> list[Process]:
    return [each for each in descendants([os.getpid()], list_processes()) if each.pid != os.getpid()]


def _is_pythons(process: Process) -> bool:
    try:
        return b"multiprocessing" in Path(f"/proc/{process.pid}/cmdline").read_bytes()
    except OSError:
        return True  # it has just ended
