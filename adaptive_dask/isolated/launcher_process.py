"""The launcher of this process, as seen by this process."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import socket
import subprocess
import sys
import threading
import weakref
from typing import Any, NamedTuple

from adaptive_dask.errors import AdaptiveError
from adaptive_dask.isolated.launcher import REQUEST

_START = (
    "import sys, json; sys.path[:] = json.loads(sys.argv[2]); "
    "from adaptive_dask.isolated.launcher import main; main(int(sys.argv[1]))"
)


class ChildFiles(NamedTuple):
    """The ends of a child's streams in this process."""

    channel: socket.socket
    launcher: socket.socket
    stdout: int
    stderr: int


class LauncherProcess:
    """A launcher, which ends when it is closed and when this process ends."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair()
        _sockets.add(self._control)
        with theirs:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    *subprocess._args_from_interpreter_flags(),  # type: ignore[attr-defined]
                    *("-c", _START, str(theirs.fileno()), json.dumps(sys.path)),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._lock = threading.Lock()
        # wait for the launcher, so that it does not remain as a zombie
        threading.Thread(target=self._process.wait, name="adaptive-launcher", daemon=True).start()

    @property
    def is_alive(self) -> bool:
        return self._process.returncode is None

    def fork(self, memory_limit: int | None) -> ChildFiles:
        """Start a child with the present settings of this process.

        Raises
        ------
        OSError
            If there are too many open files, or the launcher has ended.
        """
        setup: dict[str, Any] = {
            "environ": dict(os.environ),
            "path": sys.path,
            "argv": getattr(sys, "argv", []),
            "folder": _folder(),
            "memory_limit": memory_limit,
        }
        contents = pickle.dumps(setup)
        with contextlib.ExitStack() as theirs, contextlib.ExitStack() as ours:
            channel = _pair(ours, theirs)
            launcher = _pair(ours, theirs)
            out = _pipe(ours, theirs)
            err = _pipe(ours, theirs)
            with self._lock:
                fds = [channel[1].fileno(), out[1], err[1], launcher[1].fileno()]
                socket.send_fds(self._control, [REQUEST.pack(len(contents))], fds)
                self._control.sendall(contents)
            ours.pop_all()
            return ChildFiles(channel[0], launcher[0], out[0], err[0])

    def close(self) -> None:
        """Let the launcher and all of its children end, without waiting."""
        self._control.close()


def _pair(ours: contextlib.ExitStack, theirs: contextlib.ExitStack) -> tuple[socket.socket, socket.socket]:
    here, there = socket.socketpair()
    _sockets.add(here)
    return ours.enter_context(here), theirs.enter_context(there)


def _pipe(ours: contextlib.ExitStack, theirs: contextlib.ExitStack) -> tuple[int, int]:
    read, write = os.pipe()
    ours.callback(os.close, read)
    theirs.callback(os.close, write)
    return read, write


def _folder() -> str:
    try:
        return os.getcwd()
    except OSError:  # the folder was removed
        return "/"


class Lease:
    """A right to use the launcher of this process, which exists while there are leases."""

    def __init__(self) -> None:
        with _lock:
            _leases.add(self)

    @property
    def launcher(self) -> LauncherProcess:
        """The launcher of this process.

        Raises
        ------
        AdaptiveError
            If it cannot be started.
        """
        with _start_lock:  # the other lock is for callers that must not wait
            with _lock:
                if _launchers and _launchers[0].is_alive:
                    return _launchers[0]
                _close_all()
            try:
                launcher = LauncherProcess()
            except OSError as error:
                raise AdaptiveError(f"A process for isolate='process' cannot be started: {error}.") from error
            with _lock:
                _launchers.append(launcher)
                if not _leases:  # all leases have ended in the meantime
                    _close_all()
            return launcher

    def end(self) -> None:
        """End the lease."""
        with _lock:
            _leases.discard(self)
            if not _leases:
                _close_all()


def _close_all() -> None:
    while _launchers:
        _launchers.pop().close()


_lock = threading.Lock()
_start_lock = threading.Lock()
_leases: set[Lease] = set()
_launchers: list[LauncherProcess] = []
_sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()


def _forget() -> None:
    """Forget the launcher in a forked copy of this process, which would keep its children alive."""
    global _lock, _start_lock
    _start_lock = threading.Lock()
    _lock = threading.Lock()
    _leases.clear()
    _launchers.clear()
    for each in list(_sockets):
        with contextlib.suppress(OSError):
            each.close()


os.register_at_fork(after_in_child=_forget)
