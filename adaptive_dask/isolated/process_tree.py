"""The processes of this machine and their parents; empty without ``/proc``."""

from __future__ import annotations

import contextlib
import os
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

# The time between SIGTERM and SIGKILL (seconds).
GRACE_S = 0.4


class Process(NamedTuple):
    """A process, identified by its id and the time of its start, because ids are used again."""

    pid: int
    started: int
    parent: int
    group: int
    session: int


def list_processes() -> dict[int, Process]:
    """Return all processes that have not ended, by id."""
    found: dict[int, Process] = {}
    with contextlib.suppress(FileNotFoundError):
        for name in os.listdir("/proc"):
            if name.isdigit():
                process = _read(int(name))
                if process is not None:
                    found[process.pid] = process
    return found


def _read(pid: int) -> Process | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # The name of the program, in brackets, may contain spaces and brackets.
            fields = file.read().rpartition(b")")[2].split()
    except OSError:  # the process has ended
        return None
    if len(fields) < 20 or fields[0] in (b"Z", b"X"):
        return None
    return Process(pid, int(fields[19]), *map(int, fields[1:4]))


def descendants(roots: Iterable[int], processes: dict[int, Process]) -> list[Process]:
    """Return processes and all processes that were started by them, parents first."""
    children: dict[int, list[Process]] = defaultdict(list)
    for process in processes.values():
        children[process.parent].append(process)
    found = {pid: processes[pid] for pid in roots if pid in processes}
    queue = list(found)
    for pid in queue:
        for child in children[pid]:
            if child.pid not in found:
                found[child.pid] = child
                queue.append(child.pid)
    return list(found.values())
