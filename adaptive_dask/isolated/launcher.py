"""The launcher: a process that forks children and ends them with all processes that they have started.

It has one thread and imports little, so a fork is safe and takes milliseconds. Each child has a socket between launcher
and supervisor. ``KILL`` from the supervisor, or the end of the stream, ends the child. The launcher replies with the
wait status when neither the child nor its processes are left. If the process of the supervisors dies, all streams end.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import select
import signal
import socket
import struct
import time
from dataclasses import dataclass, field
from typing import Any

from adaptive_dask.isolated import child as child_process
from adaptive_dask.isolated.channel import receive_exactly
from adaptive_dask.isolated.linux import become_subreaper
from adaptive_dask.isolated.process_tree import GRACE_S, Process, descendants, list_processes

KILL = b"k"
LEAVE = b"l"
STATUS = struct.Struct("=i")
REQUEST = struct.Struct("=Q")
FDS_OF_CHILD = 4  # channel, standard output, standard error, socket of the launcher

# The time in which a child that is not needed any more ends by itself (seconds).
LEAVE_S = 0.2
# The interval in which processes that have to end are checked (seconds).
CHECK_S = 0.02


@dataclass(eq=False)
class _Child:
    pid: int
    socket: socket.socket | None
    status: int | None = None
    kill_at: float | None = None
    is_doomed: bool = False


@dataclass(eq=False)
class _Doomed:
    """A process of a child that was told to end."""

    process: Process
    child: _Child | None
    deadline: float = field(default_factory=lambda: time.monotonic() + GRACE_S)


def main(fd: int) -> None:
    """Run the launcher of the process at the other end of a socket."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    become_subreaper()
    with socket.socket(fileno=fd) as control:
        _Launcher(control).run()


class _Launcher:
    def __init__(self, control: socket.socket) -> None:
        self._control: socket.socket | None = control
        self._children: dict[int, _Child] = {}
        self._doomed: dict[tuple[int, int], _Doomed] = {}
        self._is_ending = False
        self._woken, waker = os.pipe()
        for end in (self._woken, waker):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda *_: self._end(0.0))

    def run(self) -> None:
        while not (self._is_ending and not self._children and not self._doomed):
            poll = select.poll()
            poll.register(self._woken, select.POLLIN)
            if self._control is not None and not self._is_ending:
                poll.register(self._control, select.POLLIN)
            sockets = {each.socket.fileno(): each for each in self._children.values() if each.socket is not None}
            for fd in sockets:
                poll.register(fd, select.POLLIN)
            for fd, _ in poll.poll(self._patience()):
                if fd == self._woken:
                    with contextlib.suppress(BlockingIOError):
                        os.read(self._woken, 4096)
                elif fd in sockets:
                    self._take_order(sockets[fd])
                else:
                    self._take_request()
            self._reap()
            self._kill_those_due()
            self._check_doomed()
            self._report()

    def _patience(self) -> float | None:
        """Return the time until the next check, in milliseconds."""
        if self._doomed:
            return CHECK_S * 1000
        ends = [each.kill_at for each in self._children.values() if each.kill_at is not None and not each.is_doomed]
        return max(0.0, min(ends) - time.monotonic()) * 1000 + 1 if ends else None

    # ---- orders

    def _take_request(self) -> None:
        assert self._control is not None
        data, fds, _, _ = socket.recv_fds(self._control, REQUEST.size, FDS_OF_CHILD)
        contents = None
        if len(data) < REQUEST.size and data:
            data += receive_exactly(self._control, REQUEST.size - len(data)) or b""
        if len(data) == REQUEST.size and len(fds) == FDS_OF_CHILD:
            contents = receive_exactly(self._control, REQUEST.unpack(data)[0])
        if contents is None:  # the process of the supervisors is gone, or has closed this launcher
            self._end(time.monotonic() + LEAVE_S)
        else:
            self._fork(fds, pickle.loads(contents))
        for fd in fds[: FDS_OF_CHILD - 1] if contents is not None else fds:
            os.close(fd)

    def _fork(self, fds: list[int], setup: dict[str, Any]) -> None:
        launcher = os.getpid()
        try:
            pid = os.fork()
        except OSError:  # too many processes, or no memory; the stream of the child ends
            os.close(fds[3])
            return
        if pid == 0:
            try:
                child_process.main(fds[0], fds[1], fds[2], setup, launcher)
            finally:
                os._exit(70)
        self._children[pid] = _Child(pid, socket.socket(fileno=fds[3]))

    def _take_order(self, child: _Child) -> None:
        assert child.socket is not None
        try:
            order = child.socket.recv(16)
        except OSError:
            order = b""
        if KILL in order:
            child.kill_at = 0.0
        elif order:
            child.kill_at = time.monotonic() + LEAVE_S
        else:
            child.socket.close()
            child.socket = None
            child.kill_at = time.monotonic() + LEAVE_S

    def _end(self, kill_at: float) -> None:
        self._is_ending = True
        for child in self._children.values():
            child.kill_at = kill_at if child.kill_at is None else min(kill_at, child.kill_at)

    # ---- the end of processes

    def _reap(self) -> None:
        ended = []
        with contextlib.suppress(ChildProcessError):
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                child = self._children.get(found[0])
                if child is not None:
                    child.status = found[1]
                    ended.append(child)
        processes = list_processes() if ended else {}  # listing all processes takes some time
        for child in ended:
            self._doom_orphans(child, processes)

    def _kill_those_due(self) -> None:
        now = time.monotonic()
        processes: dict[int, Process] | None = None
        for child in self._children.values():
            if child.kill_at is not None and child.kill_at <= now and not child.is_doomed and child.status is None:
                child.is_doomed = True
                processes = list_processes() if processes is None else processes
                of_child = {each.pid: each for each in descendants([child.pid], processes)}
                for each in processes.values():
                    if child.pid in (each.group, each.session):
                        of_child.setdefault(each.pid, each)
                if not of_child:  # there is no /proc
                    self._doom_group(child)
                self._doom(of_child.values(), child)

    def _doom_group(self, child: _Child) -> None:
        with contextlib.suppress(OSError):
            os.killpg(child.pid, signal.SIGTERM)
            time.sleep(CHECK_S)
            os.killpg(child.pid, signal.SIGKILL)

    def _doom_orphans(self, child: _Child, processes: dict[int, Process]) -> None:
        """End processes of a child whose parents have ended, which are children of this process now."""
        me = os.getpid()
        orphans = [each.pid for each in processes.values() if each.parent == me and each.pid not in self._children]
        orphans += [each.pid for each in processes.values() if child.pid in (each.group, each.session)]
        self._doom(descendants(orphans, processes), child)

    def _doom(self, processes: Any, child: _Child | None, deadline: float | None = None) -> None:
        for each in processes:
            key = (each.pid, each.started)
            if key not in self._doomed:
                doomed = self._doomed[key] = _Doomed(each, child)
                if deadline is not None:
                    doomed.deadline = deadline
                _send(each.pid, signal.SIGTERM)
                _send(each.pid, signal.SIGCONT)

    def _check_doomed(self) -> None:
        if not self._doomed:
            return
        processes = list_processes()
        now = time.monotonic()
        for key, doomed in list(self._doomed.items()):
            current = processes.get(doomed.process.pid)
            if current is None or current.started != doomed.process.started:
                del self._doomed[key]
                continue
            # processes that it has started since then end with it
            self._doom(descendants([current.pid], processes), doomed.child, doomed.deadline)
            if now >= doomed.deadline:
                _send(current.pid, signal.SIGKILL)
        self._reap()

    def _report(self) -> None:
        ending = {doomed.child for doomed in self._doomed.values()}
        for child in list(self._children.values()):
            if child.status is None or child in ending:
                continue
            del self._children[child.pid]
            if child.socket is not None:
                with contextlib.suppress(OSError):
                    child.socket.sendall(STATUS.pack(child.status))
                child.socket.close()


def _send(pid: int, number: int) -> None:
    with contextlib.suppress(OSError):
        os.kill(pid, number)
