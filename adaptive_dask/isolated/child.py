"""A child, which loads the function once and evaluates points one by one."""

from __future__ import annotations

import atexit
import contextlib
import faulthandler
import fcntl
import importlib
import inspect
import os
import pickle
import resource
import signal
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any, NoReturn

import cloudpickle

from adaptive_dask import output
from adaptive_dask.isolated import channel
from adaptive_dask.isolated.linux import become_subreaper, die_with_parent, flush_streams_of_c
from adaptive_dask.run import interruption
from adaptive_dask.run.pickling import dumps_exception, pack_returned
from adaptive_dask.run.tracebacks import format_error, format_from_function

_CHANNEL_FD = 3

_NO_WORKER = (
    "With isolate='process', the function runs in a process that is neither a worker nor connected to the scheduler, "
    "so get_worker, get_client and worker_client are not available. Pass the address of the scheduler to the function "
    "and create a Client there, or leave out isolate=."
)

# The start of Dask's error without a worker or client.
_ERRORS_OF_DASK = ("No worker found", "No global client found", "No valid workers", "No workers found")


def main(channel_fd: int, out: int, err: int, setup: dict[str, Any], launcher: int) -> NoReturn:
    """Run a child; called after a fork of the launcher."""
    os.setsid()
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _take_over_files(channel_fd, out, err)
    die_with_parent(launcher)
    become_subreaper()
    _take_over_settings(setup)
    output.install()
    # After a crash or SIGTERM, the stack of the main thread is written to standard error.
    faulthandler.enable(sys.__stderr__ or 2)
    if hasattr(faulthandler, "register"):
        faulthandler.register(signal.SIGTERM, file=sys.__stderr__ or 2, all_threads=False, chain=True)
        # Not in processes that the function forks: several stacks at once could not be read.
        os.register_at_fork(after_in_child=lambda: faulthandler.unregister(signal.SIGTERM))
    sock = socket.socket(fileno=_CHANNEL_FD)
    try:
        _serve(sock, setup["memory_limit"])
    except OSError as error:
        print(f"The function has closed files of its process that it did not open: {error}.", file=sys.stderr)
        os._exit(71)
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    os._exit(0)


def _take_over_files(channel_fd: int, out: int, err: int) -> None:
    # First to numbers that are not in use.
    copies = [os.dup(fd) for fd in (os.open(os.devnull, os.O_RDWR), out, err, channel_fd)]
    fresh = [fcntl.fcntl(fd, fcntl.F_DUPFD, 100) for fd in copies]
    for number, fd in enumerate(fresh):
        os.dup2(fd, number, inheritable=number < _CHANNEL_FD)
    os.closerange(_CHANNEL_FD + 1, max(1024, *(fd + 1 for fd in fresh)))
    for name, fd in (("stdout", 1), ("stderr", 2)):
        stream = open(fd, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _take_over_settings(setup: dict[str, Any]) -> None:
    os.environ.clear()
    os.environ.update(setup["environ"])
    sys.path[:] = setup["path"]
    sys.argv[:] = setup["argv"]
    importlib.invalidate_caches()
    with contextlib.suppress(OSError):
        os.chdir(setup["folder"])


def _serve(sock: socket.socket, memory_limit: int | None) -> None:
    function: Callable[[Any], Any] | None = None
    own_pid = os.getpid()
    while True:
        message = channel.receive(sock)
        if message is None:
            return
        kind, contents = message
        if kind == channel.LOAD:
            function, reply = _load(contents)
        else:
            assert function is not None
            output.begin()
            interruption.begin(lambda _, where: channel.send(sock, channel.WHERE, where.encode(errors="replace")))
            point = channel.unpack_float(contents) if kind == channel.CALL_FLOAT else contents
            reply = _evaluate(function, point, memory_limit)
        if os.getpid() != own_pid:  # a process that the function has forked, and that has returned
            os._exit(0)
        _flush()
        channel.send(sock, *reply)


def _load(pickled: bytes) -> tuple[Callable[[Any], Any] | None, tuple[bytes, bytes]]:
    try:
        return cloudpickle.loads(pickled), (channel.LOADED, str(os.getpid()).encode())
    except BaseException as error:
        return None, (channel.RAISED, pickle.dumps((format_error(error), dumps_exception(error))))


def _evaluate(function: Callable[[Any], Any], point: float | bytes, memory_limit: int | None) -> tuple[bytes, bytes]:
    try:
        if memory_limit is not None:
            _limit_memory(memory_limit)
        value = function(point if isinstance(point, float) else pickle.loads(point))
        if inspect.iscoroutine(value):
            import asyncio  # reduces the time of the start to a third

            value = asyncio.run(value)
        packed = pack_returned(value)
        if isinstance(packed, float):
            return channel.FLOAT, channel.pack_float(packed)
        return channel.PICKLED, packed
    except BaseException as error:  # includes SystemExit
        _limit_memory(None)
        if memory_limit is not None and isinstance(error, MemoryError):
            error.add_note(f"An evaluation may allocate memory_limit={memory_limit:,} bytes.")
        elif isinstance(error, ValueError) and str(error).startswith(_ERRORS_OF_DASK):
            error.add_note(_NO_WORKER)
        return channel.RAISED, pickle.dumps((format_from_function(error), dumps_exception(error)))


def _limit_memory(limit: int | None) -> None:
    """Limit the memory that this process may allocate from now on, in bytes."""
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    soft = hard
    if limit is not None:
        try:
            with open("/proc/self/statm", "rb") as file:
                used = int(file.read().split()[5]) * resource.getpagesize()
        except OSError:
            used = 0
        soft = used + limit if hard == resource.RLIM_INFINITY else min(hard, used + limit)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    flush_streams_of_c()
