"""A running program, which ends together with all processes that it has started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from adaptive_dask.isolated.process_tree import GRACE_S, Process, descendants, list_processes


class Program:
    """A program in a separate process group, with its output in files.

    Parameters
    ----------
    arguments : sequence of str
    folder : Path
    environment : mapping

    Attributes
    ----------
    is_late : bool
        True if it was ended because it took too long.
    is_cancelled : bool

    Raises
    ------
    OSError
        If the program cannot be started.
    """

    def __init__(self, arguments: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
        self.is_late = False
        self.is_cancelled = False
        self._lock = threading.Lock()
        self._is_ending = False
        self._family: set[Process] = set()
        self._killer: threading.Timer | None = None
        with open(folder / "stdout.txt", "wb") as out, open(folder / "stderr.txt", "wb") as err:
            self._process = subprocess.Popen(
                arguments,
                cwd=folder,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )

    def wait(self, timeout: float | None) -> int:
        """Wait for the end, in this thread; return the exit code, which is negative for a signal.

        An exception in this thread, such as Ctrl-C, ends the program.
        """
        timer = None if timeout is None else _start_timer(timeout, self._end_late)
        try:
            return self._process.wait()
        except BaseException:
            self._end()
            self._process.wait()
            raise
        finally:
            if timer is not None:
                timer.cancel()
            self._end()  # processes that the program has left behind
            self._wait_for_family()

    def cancel(self) -> None:
        """End the program, without waiting; may be called from any thread."""
        self.is_cancelled = True
        _start_timer(0.0, self._end)

    def _end_late(self) -> None:
        if self._process.returncode is None:
            self.is_late = True
            self._end()

    def _end(self) -> None:
        with self._lock:
            if self._is_ending:
                return
            self._is_ending = True
            if self._process.returncode is not None and not _has_members(self._process.pid):
                return
            self._family |= self._find()
            self._send(signal.SIGTERM)
            if self._process.returncode is None or self._family:
                self._killer = _start_timer(GRACE_S, self._kill)

    def _kill(self) -> None:
        with self._lock:
            self._family |= self._find()
            self._send(signal.SIGKILL)

    def _find(self) -> set[Process]:
        pid = self._process.pid
        processes = list_processes()
        family = {each for each in processes.values() if pid in (each.group, each.session)}
        if self._process.returncode is None:
            family.update(descendants([pid], processes))
        return family

    def _send(self, number: int) -> None:
        if self._process.returncode is None:
            with contextlib.suppress(OSError):
                os.killpg(self._process.pid, number)
        for each in self._alive():
            with contextlib.suppress(OSError):
                os.kill(each.pid, number)

    def _alive(self) -> list[Process]:
        processes = list_processes()
        return [each for each in self._family if each.pid in processes and processes[each.pid].started == each.started]

    def _wait_for_family(self) -> None:
        deadline = time.monotonic() + 2 * GRACE_S
        while self._family and self._alive() and time.monotonic() < deadline:
            time.sleep(0.01)  # ended between two checks
        if self._killer is not None:
            self._killer.cancel()


def _has_members(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except OSError:
        return False
    return True


def _start_timer(seconds: float, call: object) -> threading.Timer:
    timer = threading.Timer(seconds, call)  # type: ignore[arg-type]
    timer.daemon = True
    timer.start()
    return timer
