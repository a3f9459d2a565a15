"""A child as seen by the evaluating process, which starts it, sends requests to it, and ends it."""

from __future__ import annotations

import codecs
import contextlib
import os
import pickle
import select
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from adaptive_dask.errors import PointTimeoutError, ProcessCrashError
from adaptive_dask.isolated import channel
from adaptive_dask.isolated.launcher import KILL, LEAVE, STATUS
from adaptive_dask.isolated.launcher_process import LauncherProcess
from adaptive_dask.output import MAX_CHARS
from adaptive_dask.run.pickling import PackedValue, dumps_exception, loads_exception

# A child that was told to end is given up after this time (seconds), if the kernel does not end it.
KILL_TIMEOUT_S = 3.0

# The maximum wait for messages (seconds), because poll supports at most 24 days.
MAX_POLL_S = 3600.0


class EvaluationFailedError(Exception):
    """The function raised an exception, its process crashed, or it took too long.

    Attributes
    ----------
    text : str
        The error as text.
    pickled : bytes or None
        The exception, if it can be pickled.
    where : str
        The process of the child.
    """

    def __init__(self, text: str, pickled: bytes | None, where: str) -> None:
        super().__init__(text)
        self.text = text
        self.pickled = pickled
        self.where = where

    @property
    def exception(self) -> BaseException | None:
        """The exception, if it can be loaded here."""
        return loads_exception(self.pickled)


class EvaluationCancelledError(Exception):
    """The evaluation was cancelled."""


class Evaluation:
    """A request to a child, which any thread can cancel.

    Parameters
    ----------
    child : Child
    timeout : float, optional
        Time limit, in seconds.
    """

    def __init__(self, child: Child, timeout: float | None = None) -> None:
        self._child = child
        self._timeout = timeout

    def call(self, packed: PackedValue) -> PackedValue:
        """Evaluate the function at a packed point.

        Raises
        ------
        EvaluationFailedError, EvaluationCancelledError
        """
        if isinstance(packed, float):
            kind, contents = self._child.request(self, channel.CALL_FLOAT, channel.pack_float(packed), self._timeout)
        else:
            kind, contents = self._child.request(self, channel.CALL, packed, self._timeout)
        return channel.unpack_float(contents) if kind == channel.FLOAT else contents

    def load(self, pickled: bytes) -> None:
        """Load the function."""
        _, contents = self._child.request(self, channel.LOAD, pickled, None)
        self._child.pid = int(contents)

    def cancel(self) -> None:
        """End the child, if it still evaluates this, without waiting."""
        self._child.cancel(self)


class Child:
    """A child of the launcher, used by one thread at a time.

    Parameters
    ----------
    launcher : LauncherProcess
    memory_limit : int, optional

    Attributes
    ----------
    is_usable : bool
        True if it can evaluate more points.
    pid : int or None
        The id of its process, after it has loaded the function.
    """

    def __init__(self, launcher: LauncherProcess, memory_limit: int | None) -> None:
        fds = launcher.fork(memory_limit)
        self.is_usable = True
        self.pid: int | None = None
        self._channel, self._launcher = fds.channel, fds.launcher
        self._outputs = {
            fds.stdout: _Output(fds.stdout, lambda: sys.stdout),
            fds.stderr: _Output(fds.stderr, lambda: sys.stderr),
        }
        self._stderr = self._outputs[fds.stderr]
        self._inbox = channel.Inbox()
        self._lock = threading.Lock()
        self._current: Evaluation | None = None
        self._is_told_to_end = False
        self._place = ""
        self._poll = select.poll()
        for fd in (self._channel.fileno(), self._launcher.fileno(), *self._outputs):
            self._poll.register(fd, select.POLLIN)

    @property
    def has_ended(self) -> bool:
        """True if an idle child has ended by itself."""
        poll = select.poll()
        poll.register(self._launcher, select.POLLIN)
        return bool(poll.poll(0))

    # ---- from any thread

    def cancel(self, evaluation: Evaluation | None = None) -> None:
        """End the process; with an evaluation, only if it is evaluating this."""
        with self._lock:
            if evaluation is None or self._current is evaluation:
                self._tell_to_end()

    def _tell_to_end(self) -> None:
        if not self._is_told_to_end:
            self._is_told_to_end = True
            self._stderr.is_shown = False  # the child writes its stack, which is part of the error
            with contextlib.suppress(OSError):
                self._launcher.send(KILL, socket.MSG_DONTWAIT)

    # ---- from the thread that uses it

    def request(
        self, evaluation: Evaluation, kind: bytes, contents: bytes, timeout: float | None
    ) -> tuple[bytes, bytes]:
        """Send a request and wait for the reply.

        Raises
        ------
        EvaluationFailedError, EvaluationCancelledError
        """
        with self._lock:
            self._current = evaluation
        try:
            kind, contents = self._exchange((kind, contents), timeout)
        except BaseException:
            self.is_usable = False
            self.cancel()
            raise
        finally:
            with self._lock:
                self._current = None
                is_cancelled = self._is_told_to_end
        if is_cancelled:
            self.is_usable = False
            self._wait_for_end()
            raise EvaluationCancelledError
        if kind == channel.RAISED:
            text, pickled = pickle.loads(contents)
            raise EvaluationFailedError(text, pickled, self._where)
        return kind, contents

    def close(self) -> None:
        """Let the process end, without waiting."""
        self.is_usable = False
        with self._lock:
            self._is_told_to_end = True
            self._launcher.close()
        self._channel.close()
        for output in self._outputs.values():
            output.close()

    def _exchange(self, message: tuple[bytes, bytes], timeout: float | None) -> tuple[bytes, bytes]:
        self._place = ""
        for output in self._outputs.values():
            output.begin()
        begin = time.monotonic()
        with contextlib.suppress(OSError):  # it has crashed; the launcher sends the status
            channel.send(self._channel, *message)
        while True:
            left = None if timeout is None else begin + timeout - time.monotonic()
            if left is not None and left <= 0:
                break
            answer, status = self._look(left)
            if answer is not None:
                return answer
            if status is not None:
                raise self._crashed(status)
        assert timeout is not None
        with self._lock:
            if self._is_told_to_end:
                raise EvaluationCancelledError
            self._tell_to_end()
        self._wait_for_end()
        where = self._place or _stack_in(self._stderr.tail) or f"(in {self._where})\n"
        error = PointTimeoutError.after(time.monotonic() - begin, timeout, where)
        raise EvaluationFailedError(str(error), dumps_exception(error), self._where)

    def _look(self, patience: float | None) -> tuple[tuple[bytes, bytes] | None, int | None]:
        """Wait for the reply or for the wait status of the process (-1 if the launcher is gone), at most an hour."""
        answer: tuple[bytes, bytes] | None = None
        status: int | None = None
        for fd, _ in self._poll.poll(None if patience is None else min(patience, MAX_POLL_S) * 1000 + 1):
            if fd == self._channel.fileno():
                answer = self._receive()
            elif fd == self._launcher.fileno():
                status = self._receive_status()
            else:
                self._read_output(fd)
        if answer is not None or status is not None:
            for fd in list(self._outputs):  # output before the evaluation
                self._read_output(fd)
        return answer, status

    def _receive(self) -> tuple[bytes, bytes] | None:
        try:
            part = self._channel.recv(1 << 20)
        except OSError:
            part = b""
        if part:
            message = self._inbox.add(part)
            while message is not None and message[0] == channel.WHERE:
                self._place = message[1].decode()
                message = self._inbox.add(b"")
            return message
        self._poll.unregister(self._channel)
        with contextlib.suppress(OSError):  # the child is about to end
            self._launcher.send(LEAVE, socket.MSG_DONTWAIT)
        return None

    def _receive_status(self) -> int:
        try:
            data = self._launcher.recv(STATUS.size)
        except OSError:
            data = b""
        return int(STATUS.unpack(data)[0]) if len(data) == STATUS.size else -1

    def _read_output(self, fd: int) -> None:
        output = self._outputs.get(fd)
        if output is not None and not output.read():
            self._poll.unregister(fd)
            self._outputs.pop(fd).close()

    def _wait_for_end(self) -> None:
        deadline = time.monotonic() + KILL_TIMEOUT_S
        while (left := deadline - time.monotonic()) > 0:
            if self._look(left)[1] is not None:
                return

    def _crashed(self, status: int) -> Exception:
        if self._is_told_to_end:
            return EvaluationCancelledError()
        error = ProcessCrashError.of_status(status, _without_own_frames(self._stderr.tail))
        return EvaluationFailedError(str(error), dumps_exception(error), self._where)

    @property
    def _where(self) -> str:
        which = "a process" if self.pid is None else f"process {self.pid}"
        return f"{which} on {socket.gethostname()}"


class _Output:
    """Standard output or error of a child, passed on to that of this process."""

    def __init__(self, fd: int, stream: Callable[[], Any]) -> None:
        self._fd = fd
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.tail = ""
        self.is_shown = True
        os.set_blocking(fd, False)

    def begin(self) -> None:
        """Begin an evaluation."""
        self.tail = ""

    def read(self) -> bool:
        """Read the available output; return False at the end of the stream."""
        while True:
            try:
                data = os.read(self._fd, 65536)
            except BlockingIOError:
                return True
            except OSError:
                return False
            if not data:
                return False
            text = self._decoder.decode(data)
            self.tail = (self.tail + text)[-MAX_CHARS:]
            if self.is_shown:
                with contextlib.suppress(Exception):  # the stream is closed or None
                    self._stream().write(text)

    def close(self) -> None:
        os.close(self._fd)


def _stack_in(text: str) -> str:
    """Return the user's part of the stack that the process wrote when it was told to end."""
    _, found, stack = text.rpartition("(most recent call first):\n")
    return _without_own_frames(stack) if found else ""


def _without_own_frames(text: str) -> str:
    own = os.path.dirname(__file__)
    lines = text.splitlines(keepends=True)
    return "".join(line for line in lines if own not in line and line.rstrip() != _FIRST_FRAME)


_FIRST_FRAME = '  File "<string>", line 1 in <module>'
