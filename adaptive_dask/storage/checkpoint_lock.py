"""One run at a time writes to a checkpoint: a file says which, and that it lives."""

from __future__ import annotations

import json
import os
import random
import socket
import time
import uuid
from typing import Any

from adaptive_dask.errors import CheckpointError, CheckpointInUseError
from adaptive_dask.plain import get_logger
from adaptive_dask.storage.checkpoint_folder import Folder

logger = get_logger(__name__)

NAME = "lock"

# The owner writes its lock anew so often (seconds). Who finds a lock that stays the same for so long takes it over.
HEARTBEAT_S = 3.0
STALE_AFTER_S = 15.0

# Two that take a lock at once: the last to write has it, and the other sees that so much later (seconds), or after so
# many times what reading and writing took, if that is longer.
SETTLE_S = 0.2
SETTLE_FACTOR = 3
MAX_COLLISIONS = 5


class Lock:
    """The right to write to a checkpoint.

    Clocks of different machines are not compared: a lock is stale when its owner's process is known to be
    gone, or when nobody has written it anew for a while.

    Parameters
    ----------
    folder : Folder
    run : str
        Who takes it, for messages.

    Attributes
    ----------
    mark : str
        For the names of files, to tell those of different owners apart; empty where no two can create the same file.
    """

    def __init__(self, folder: Folder, run: str) -> None:
        self._folder = folder
        self._owner = {"id": uuid.uuid4().hex, "run": run, "host": socket.gethostname(), **_process()}
        self.mark = "" if folder.can_create else str(self._owner["id"])[:8]
        self._beats = 0
        self._renewed = 0.0

    def acquire(self) -> None:
        """Take the lock; waits up to `STALE_AFTER_S` seconds when it cannot be known at once whether its owner lives.

        Raises
        ------
        CheckpointInUseError
            If another run has it.
        """
        begin = time.monotonic()
        found = self._read()
        is_new = found is None and self._folder.create(NAME, self._content())
        if not is_new:
            found = found or self._read()
            if found is not None and not _is_gone(found):
                self._watch(found)
            begin = time.monotonic()
            self._folder.write(NAME, self._content())
        if not (is_new and self._folder.can_create):
            settle = min(STALE_AFTER_S, max(SETTLE_S, SETTLE_FACTOR * (time.monotonic() - begin)))
            for _ in range(MAX_COLLISIONS):
                time.sleep(settle)
                if self._read() != {}:
                    break
                # Two wrote at once where that mixes what they write. Not both at the same time again.
                time.sleep(random.uniform(0.0, settle))
                self._folder.write(NAME, self._content())
            self._verify()
        self._renewed = time.monotonic()

    def keep(self, *, at_once: bool = False) -> None:
        """Say that the owner lives; to be called often. It is written every few seconds, or at once.

        Raises
        ------
        CheckpointInUseError
            If the lock was taken over, for this process had been stopped for a while.
        OSError
            If the lock cannot be written.
        """
        if time.monotonic() - self._renewed < HEARTBEAT_S and not at_once:
            return
        self._verify()
        self._beats += 1
        self._folder.write(NAME, self._content())
        self._renewed = time.monotonic()

    def release(self) -> None:
        """Give the lock back, if it is still this one's."""
        found = self._read()
        if found is not None and found.get("id") == self._owner["id"]:
            self._folder.remove(NAME)

    def let_go(self) -> None:
        """As `release`, but says in the log what is wrong; after a while others take the lock over anyway."""
        try:
            self.release()
        except Exception as error:
            logger.warning("The lock of checkpoint %s could not be released: %r", self._folder.path, error)

    # ---- inside

    def _content(self) -> bytes:
        return json.dumps({**self._owner, "beats": self._beats, "time": time.time()}).encode()

    def _read(self) -> dict[str, Any] | None:
        content = self._folder.read(NAME)
        if content is None:
            return None
        return _parse(content)

    def _verify(self) -> None:
        found = self._read()
        if found is not None and found.get("id") != self._owner["id"]:
            raise self._in_use(found)

    def _watch(self, found: dict[str, Any]) -> None:
        """Return when nobody has written the lock for a while, or it is gone."""
        if _is_alive_here(found) and 0 <= time.time() - found.get("time", 0) < 2 * HEARTBEAT_S:
            raise self._in_use(found)
        deadline = time.monotonic() + STALE_AFTER_S
        while time.monotonic() < deadline:
            time.sleep(0.25)  # between two looks
            now = self._read()
            if now is None:
                return
            if now and now != found:  # nothing in it: it is just being written
                raise self._in_use(now)

    def _in_use(self, found: dict[str, Any]) -> CheckpointError:
        return CheckpointInUseError(
            self._folder.path,
            f"expected a checkpoint that no run is writing to, found that run {found.get('run')!r} on "
            f"{found.get('host')} (process {found.get('pid')}) is. Wait for its end, cancel it, or use another folder.",
        )


def _parse(content: bytes) -> dict[str, Any]:
    """What a lock says, as far as it makes sense; nothing of one that is damaged, or is no lock."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):  # of a crash in the middle of it, or of somebody else's making
        return {}
    if not isinstance(found, dict):
        return {}
    known = {name: value for name, value in found.items() if type(value) in _FIELDS.get(name, ())}
    # Also what makes no sense shows, when it changes, that somebody writes it.
    return {**known, "content": content}


_FIELDS: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("id", "run", "host", "place"), (str,)),
    "begun": (str, type(None)),
    "pid": (int,),
    "time": (int, float),
}


def _process() -> dict[str, Any]:
    """Identify the current process: its id, and the machine or container in which the id is valid."""
    place = ""
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            place = f"{file.read().strip()} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        pass
    return {"pid": os.getpid(), "place": place, "begun": _begun(os.getpid())}


def _begun(pid: int) -> str | None:
    """When a process began, in its machine's terms; None if there is none, or nothing is known."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            state, *fields = file.read().rpartition(")")[2].split()
    except OSError:
        return None
    return None if state in "ZX" else fields[18]


def _is_here(owner: dict[str, Any]) -> bool:
    here = _process()
    return bool(here["place"]) and owner.get("place") == here["place"]


def _is_gone(owner: dict[str, Any]) -> bool:
    """Whether it is certain that the owner's process has ended."""
    return _is_here(owner) and "pid" in owner and "begun" in owner and _begun(owner["pid"]) != owner["begun"]


def _is_alive_here(owner: dict[str, Any]) -> bool:
    return _is_here(owner) and not _is_gone(owner)
