"""The end of the program: end the active runs or leave them to the scheduler, and print a message.

Python ends in this order: the main thread; the callbacks of `threading`, of which that of this module is the first;
thread and process pools, which accept no more work; and `atexit`, where Dask closes its clients and clusters.
Everything that needs a pool, such as following a run on a cluster, must therefore end before the pools.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from adaptive_dask.plain import one_line

if TYPE_CHECKING:
    from adaptive_dask.runner.run import Run

# Time to wait for runs that end with the program (seconds).
END_TIMEOUT_S = 3.0

# Maximal number of runs that a message names.
MAX_NAMED = 3

_runs: weakref.WeakSet[Run] = weakref.WeakSet()
_calls: dict[Callable[[], Any], None] = {}
_closers: dict[Callable[[], Any], None] = {}
_registered: set[Any] = set()


def note_run(run: Run) -> None:
    """Record a run that was started in this process."""
    _register(None)
    _runs.add(run)


def come_before(executor: Any) -> None:
    """Make runs end before an executor that has been used.

    The callback that was registered last is called first. Executors register their end when their module is imported,
    and the executor of loky when it gets its first work.
    """
    _register(type(executor))


def call_at_end(call: Callable[[], Any]) -> None:
    """Register a call for the end of the program, after its runs have ended."""
    _register(None)
    _calls[call] = None


def call_no_more(call: Callable[[], Any]) -> None:
    """Remove a call for the end of the program."""
    _calls.pop(call, None)


def close_at_end(close: Callable[[], Any]) -> None:
    """Register a call for the end of the program, after all others; it is called once."""
    _register(None)
    _closers[close] = None


def _register(key: Any) -> None:
    if key in _registered:
        return
    _registered.add(key)
    register = vars(threading).get("_register_atexit", atexit.register)  # private in Python
    try:
        register(_leave)
    except RuntimeError:  # the end of the program has begun
        atexit.register(_leave)


def _leave() -> None:
    with contextlib.suppress(KeyboardInterrupt):
        runs = sorted((run for run in _runs if not run.done.done()), key=lambda run: (run.started, run.name))
        messages = _describe(runs)
        ending = [run for run in runs if run.outlives_program is None]
        for run in ending:
            run.cancel_soon()
        _wait(ending)
        for call in list(_calls):
            _quietly(call)
        for message in messages:
            with contextlib.suppress(Exception):  # standard error may be closed, or None
                print(one_line(f"adaptive_dask: {message}"), file=sys.stderr, flush=True)
    for close in list(_closers):
        _quietly(close)
    _forget_all()


def _quietly(call: Callable[[], Any]) -> None:
    with contextlib.suppress(Exception):  # too late to react
        call()


def _wait(runs: list[Run]) -> None:
    deadline = time.monotonic() + END_TIMEOUT_S
    for run in runs:
        while not run.done.done() and (left := deadline - time.monotonic()) > 0:
            run.wait_for_results(min(0.1, left))
            # The event loop that applies results does not run any more.
            if run.replica.lock.acquire(timeout=max(0.0, deadline - time.monotonic())):
                try:
                    _quietly(run.replica.apply)
                finally:
                    run.replica.lock.release()


def _describe(runs: list[Run]) -> list[str]:
    groups: dict[tuple[str | None, bool], list[Run]] = {}
    for run in runs:
        if not run.is_withdrawn:
            groups.setdefault((run.outlives_program, _checkpoint(run) is not None), []).append(run)
    return [_sentence(where, group) for (where, _), group in groups.items()]


def _sentence(where: str | None, runs: list[Run]) -> str:
    names = ", ".join(repr(run.name) for run in runs[:MAX_NAMED])
    if len(runs) > MAX_NAMED:
        names += f" and {len(runs) - MAX_NAMED} more"
    is_one = len(runs) == 1
    what = f"the run {names}" if is_one else f"the runs {names}"
    if where is not None:
        goes, them = ("goes", "it") if is_one else ("go", "the first of them")
        return f"{what} {goes} on at {where}: adaptive_dask.attach({runs[0].name!r}) from a new client follows {them}."
    points = sum(int(run.summary.get("npoints", 0)) for run in runs)
    ended = f"the program ended before {what} did"
    paths = [path for run in runs[:MAX_NAMED] if (path := _checkpoint(run)) is not None]
    if paths:
        return f"{ended}: the same call continues from the {points:,} points in {', '.join(map(repr, paths))}."
    wait = "runner.result()" if is_one else "runs.result()"
    return (
        f"{ended}: {points:,} points are lost unless they were saved. Wait with {wait}, give checkpoint=, "
        "or use a Dask cluster that outlives the program."
    )


def _checkpoint(run: Run) -> str | None:
    checkpoint = run.summary.get("checkpoint")
    return str(checkpoint["path"]) if checkpoint else None


def _forget_all() -> None:
    _runs.clear()
    _calls.clear()
    _closers.clear()


# A forked child has no threads, and therefore no runs.
if sys.platform != "win32":
    os.register_at_fork(after_in_child=_forget_all)
