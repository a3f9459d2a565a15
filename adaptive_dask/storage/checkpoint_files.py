"""The files of a checkpoint: what they are called, which of them count, and how they are merged.

====================== ==========================================================================
``learner-N``          the learner with all that is not in logs from number N on; its identity
``log-N-M``            results, and points on their way, in the order in which things happened
``functions``          the learner's functions; nothing but `load` reads them
``lock``               which run is writing
====================== ==========================================================================

A log has one number, or a range of them when logs were merged into it; then those that it was made of do not
count, and are removed. A learner with a higher number makes the others, and the logs before it, not count.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from adaptive_dask.errors import CheckpointError
from adaptive_dask.storage.checkpoint_folder import Folder
from adaptive_dask.storage.checkpoint_format import Entry, file_of, frames_of

logger = logging.getLogger(__name__)

_LOG = re.compile(r"log-(\d{6,})-(\d{6,})")
_LEARNER = re.compile(r"learner-(\d{6,})")

# Merging logs reads and writes them: a log is merged with later ones that have, together, this share of its
# size or more. So each result is written a few times at most, however long the run.
_SHARE = 1 / 4

# They are in memory meanwhile: so many bytes are not merged with more.
_MOST_MERGED = 128 * 2**20

# Results in one frame: what is unpacked at a time.
_MOST_IN_FRAME = 50_000


@dataclass(frozen=True, order=True)
class Log:
    """A log by its first and last number."""

    first: int
    last: int

    @property
    def name(self) -> str:
        return f"log-{self.first:06d}-{self.last:06d}"


def learner_name(number: int) -> str:
    """What the file with the learner before the log of that number is called."""
    return f"learner-{number:06d}"


@dataclass(frozen=True)
class Listing:
    """What is in a folder.

    Attributes
    ----------
    learners : list of int
        The numbers of learners, highest first.
    logs : list of Log
        All of them.
    foreign : list of str
        Files that are not of a checkpoint.
    """

    learners: list[int]
    logs: list[Log]
    foreign: list[str]

    @classmethod
    def of(cls, folder: Folder) -> Listing:
        listing = cls([], [], [])
        for name in folder.names():
            if match := _LEARNER.fullmatch(name):
                listing.learners.append(int(match[1]))
            elif match := _LOG.fullmatch(name):
                listing.logs.append(Log(int(match[1]), int(match[2])))
            elif not name.startswith(".") and name not in ("lock", "functions"):
                listing.foreign.append(name)
        listing.learners.sort(reverse=True)
        return listing

    @property
    def next_number(self) -> int:
        return max([0, *self.learners, *(log.last for log in self.logs)]) + 1

    def logs_from(self, number: int) -> list[Log]:
        """The logs that count, from a number on, in order."""
        chosen: list[Log] = []
        for log in sorted(self.logs, key=lambda log: (log.first, -log.last)):
            if log.first > (chosen[-1].last if chosen else number - 1):
                chosen.append(log)
        return chosen

    def obsolete(self, learner: int) -> list[str]:
        """The files that do not count, given the learner that does."""
        counting = set(self.logs_from(learner))
        return [learner_name(n) for n in self.learners if n < learner] + [
            log.name for log in self.logs if log not in counting
        ]


def read_log(folder: Folder, log: Log, take: Callable[[Entry], None]) -> int:
    """Read the entries of a log.

    Returns
    -------
    int
        The size of the file.

    Raises
    ------
    FileNotFoundError
        If it is not there any more.
    CheckpointError
        If it is another kind of file, or what is in it cannot be unpickled here.
    """
    path = f"{folder.path}/{log.name}"
    content = folder.read(log.name)
    if content is None:
        raise FileNotFoundError(path)
    frames, rest = frames_of(path, content)
    if rest:
        logger.warning("%s: the last %d bytes are not whole, and dropped", path, rest)
    for frame in frames:
        take(_decode(path, frame))
    return len(content)


def merge_logs(folder: Folder, learner: int) -> None:
    """Merge the newest logs, if there are small ones among them.

    A crash at any moment leaves what can be read. The newest log must not be written to any more.
    """
    listing = Listing.of(folder)
    chosen: list[Log] = []
    entries = _Pieces()
    size = 0
    for log in reversed(listing.logs_from(learner)):
        pieces = _Pieces()
        log_size = read_log(folder, log, pieces.add)
        if chosen and (size < _SHARE * log_size or size + log_size > _MOST_MERGED):
            break
        pieces.extend(entries)
        entries, size = pieces, size + log_size
        chosen.insert(0, log)
    if len(chosen) > 1:
        merged = Log(chosen[0].first, chosen[-1].last)
        folder.write(merged.name, file_of(piece.encode() for piece in entries.pieces))
        for log in chosen:
            folder.remove(log.name)
    remove_obsolete(folder, learner)


def remove_obsolete(folder: Folder, learner: int) -> None:
    """Remove the files that do not count, given the learner that does."""
    for name in Listing.of(folder).obsolete(learner):
        folder.remove(name)


class _Pieces:
    """Entries in order, merged into as few as their size allows."""

    def __init__(self) -> None:
        self.pieces: list[Entry] = []

    def add(self, entry: Entry) -> None:
        last = self.pieces[-1] if self.pieces else None
        if last is not None and len(last.points) + len(entry.points) <= _MOST_IN_FRAME:
            last.absorb(entry)
        elif entry:
            self.pieces.append(entry)

    def extend(self, later: _Pieces) -> None:
        for entry in later.pieces:
            self.add(entry)


def _decode(path: str, content: Any) -> Entry:
    try:
        return Entry.decode(content)
    except ImportError as error:
        raise CheckpointError(
            path, f"its points or values need the module {error.name!r}, which is not installed here."
        ) from error
    except Exception as error:
        raise CheckpointError(path, f"its content cannot be read here: {error!r}.") from error
