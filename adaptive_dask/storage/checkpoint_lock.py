"""The lock of a checkpoint: a file that names the run that writes, and is renewed regularly."""

from __future__ import annotations

import json
import os
import random
import socket
import time
import uuid
from typing import Any

from adaptive_dask.errors import CheckpointError, CheckpointInUseError
from adaptive_dask.logs import get_logger
from adaptive_dask.storage.checkpoint_folder import Folder

logger = get_logger(__name__)

NAME = "lock"

# The owner renews its lock at this interval. A lock that was not renewed for STALE_AFTER_S is taken over.
HEARTBEAT_S = 3.0
STALE_AFTER_S = 15.0

# If two runs write a lock at the same time, the last one owns it. Each of them verifies this after a delay: SETTLE_S or
# SETTLE_FACTOR times the duration of reading and writing, whichever is longer.
SETTLE_S = 0.2
SETTLE_FACTOR = 3
MAX_COLLISIONS = 5


class Lock:
    """The right to write to a checkpoint.

    Clocks of different machines are not compared. A lock is stale if the process of its owner has certainly ended, or
    if it has not been renewed for `STALE_AFTER_S`.

    Parameters
    ----------
    folder : Folder
    run : str
        Name of the run, for messages.

    Attributes
    ----------
    mark : str
        Identifier of the owner for file names. Empty if `Folder.create` is exclusive.
    """

    def __init__(self, folder: Folder, run: str) -> None:
        self._folder = folder
        self._owner = {"id": uuid.uuid4().hex, "run": run, "host": socket.gethostname(), **_process()}
        self.mark = "" if folder.can_create else str(self._owner["id"])[:8]
        self._beats = 0
        self._renewed = 0.0

    def acquire(self) -> None:
        """Take the lock. Wait up to `STALE_AFTER_S` seconds if its owner may still be alive.

        Raises
        ------
        CheckpointInUseError
            If another run holds it.
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
                # Concurrent writes corrupted the lock file; retry after a random delay.
                time.sleep(random.uniform(0.0, settle))
                self._folder.write(NAME, self._content())
            self._verify()
        self._renewed = time.monotonic()

    def keep(self, *, at_once: bool = False) -> None:
        """Renew the lock if the last renewal is at least `HEARTBEAT_S` ago, or with ``at_once=True``.

        Raises
        ------
        CheckpointInUseError
            If another run took the lock over, for example while this process was suspended.
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
        """Release the lock if this run still owns it."""
        found = self._read()
        if found is not None and found.get("id") == self._owner["id"]:
            self._folder.remove(NAME)

    def let_go(self) -> None:
        """Release the lock, but log errors instead of raising them, because a stale lock is taken over anyway."""
        try:
            self.release()
        except Exception as error:
            logger.warning("Cannot release the lock of checkpoint %s: %r", self._folder.path, error)

    # ---- inside

    def _content(self) -> bytes:
        return json.dumps({**self._owner, "beats": self._beats, "time": time.time()}).encode()

    def _read(self) -> dict[str, Any] | None:
        content = self._folder.read(NAME)
        return None if content is None else _parse(content)

    def _verify(self) -> None:
        found = self._read()
        if found is not None and found.get("id") != self._owner["id"]:
            raise self._in_use(found)

    def _watch(self, found: dict[str, Any]) -> None:
        """Return when the lock is stale or gone."""
        if _is_alive_here(found) and 0 <= time.time() - found.get("time", 0) < 2 * HEARTBEAT_S:
            raise self._in_use(found)
        deadline = time.monotonic() + STALE_AFTER_S
        while time.monotonic() < deadline:
            time.sleep(0.25)
            now = self._read()
            if now is None:
                return
            if now and now != found:  # an empty lock is just being written
                raise self._in_use(now)

    def _in_use(self, found: dict[str, Any]) -> CheckpointError:
        return CheckpointInUseError(
            self._folder.path,
            f"must not be in use by another run, got the lock of run {found.get('run')!r} on {found.get('host')} "
            f"(process {found.get('pid')}). Wait for its end, cancel it, or use another folder.",
        )


def _parse(content: bytes) -> dict[str, Any]:
    """Return the valid fields of a lock; empty if the file is damaged or is not a lock."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):  # incomplete after a crash, or written by another program
        return {}
    if not isinstance(found, dict):
        return {}
    known = {name: value for name, value in found.items() if type(value) in _FIELDS.get(name, ())}
    # Even if the content is invalid, a change of it shows that another process writes it.
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
    """Return the start time of a process in units of its machine, or None if it is not known."""
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
    """Return whether the process of the owner has certainly ended."""
    return _is_here(owner) and "pid" in owner and "begun" in owner and _begun(owner["pid"]) != owner["begun"]


def _is_alive_here(owner: dict[str, Any]) -> bool:
    return _is_here(owner) and not _is_gone(owner)
