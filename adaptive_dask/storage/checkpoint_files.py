"""The files of a checkpoint: what they are called, which of them count, and how they are merged.

====================== ==========================================================================
``learner-N``          the learner with all that is not in logs from number N on; its identity
``log-N-M``            results, and points on their way, in the order in which things happened
``functions``          the learner's functions; nothing but `load` reads them
``lock``               which run is writing
====================== ==========================================================================

In stores where logs cannot be created in one step their names end with what tells runs apart, so that no run can write
over what another has written.

A log has one number, or a range of them when logs were merged into it; then those that it was made of do not
count, and are removed. Until then it counts only if it is whole: not every store puts a file in place in one step.
A learner with a higher number makes the others, and the logs before it, not count.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from adaptive_dask.errors import CheckpointError
from adaptive_dask.plain import get_logger
from adaptive_dask.storage.checkpoint_folder import Folder
from adaptive_dask.storage.checkpoint_format import Entry, Records, file_of, record, records_of

logger = get_logger(__name__)

_LOG = re.compile(r"log-(\d{6,})-(\d{6,})(?:-([0-9a-f]+))?")
_LEARNER = re.compile(r"learner-(\d{6,})")

FUNCTIONS = "functions"

# Merging logs reads and writes them: a log is merged with later ones that have, together, this share of its
# size or more. So each result is written a few times at most, however long the run.
_MERGE_SHARE = 1 / 4

# They are in memory meanwhile: so many bytes are not merged with more.
_MAX_MERGED_BYTES = 128 * 2**20

# Results in one record: what is unpacked at a time.
_MAX_RESULTS_IN_RECORD = 50_000


@dataclass(frozen=True, order=True)
class Log:
    """A log by its first and last number, and the run that wrote it, if its name says so."""

    first: int
    last: int
    run: str = ""

    @property
    def name(self) -> str:
        return f"log-{self.first:06d}-{self.last:06d}" + (f"-{self.run}" if self.run else "")

    def holds(self, other: Log) -> bool:
        """Whether the other log was merged into this one, or is to be."""
        wider = (self.first, self.last) != (other.first, other.last)
        return wider and self.first <= other.first and other.last <= self.last


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
    torn : list of Log
        What a crash has left of merged logs.
    foreign : list of str
        Files that are not of a checkpoint.
    """

    learners: list[int]
    logs: list[Log]
    torn: list[Log]
    foreign: list[str]

    @classmethod
    def of(cls, folder: Folder) -> Listing:
        """Look at a folder; logs that were being merged when there was a crash are read.

        Raises
        ------
        FileNotFoundError
            If one of these is not there any more.
        """
        listing = cls.of_names(folder)
        listing.torn[:] = [log for log in listing.logs if listing._is_torn(folder, log)]
        for log in listing.torn:
            listing.logs.remove(log)
        return listing

    @classmethod
    def of_names(cls, folder: Folder) -> Listing:
        """Look at a folder, and read nothing."""
        listing = cls([], [], [], [])
        for name in folder.names():
            if match := _LEARNER.fullmatch(name):
                listing.learners.append(int(match[1]))
            elif match := _LOG.fullmatch(name):
                listing.logs.append(Log(int(match[1]), int(match[2]), match[3] or ""))
            elif not name.startswith(".") and name not in ("lock", FUNCTIONS):
                listing.foreign.append(name)
        listing.learners.sort(reverse=True)
        return listing

    @property
    def next_number(self) -> int:
        return max([0, *self.learners, *(log.last for log in (*self.logs, *self.torn))]) + 1

    def logs_from(self, number: int) -> list[Log]:
        """The logs that count, from a number on, in order."""
        chosen: list[Log] = []
        widest: Log | None = None  # of those up to here, the one that goes on longest
        for log in sorted(self.logs, key=lambda log: (log.first, -log.last, log.run)):
            if log.first < number or (widest is not None and widest.holds(log)):
                continue
            chosen.append(log)
            if widest is None or log.last > widest.last:
                widest = log
        return chosen

    def obsolete(self, learner: int) -> list[str]:
        """The files that do not count, given the learner that does."""
        counting = set(self.logs_from(learner))
        return [learner_name(n) for n in self.learners if n < learner] + [
            log.name for log in (*self.torn, *self.logs) if log not in counting
        ]

    def _is_torn(self, folder: Folder, merged: Log) -> bool:
        """Whether a log is to be what is still in others, and is not."""
        sources = filter(merged.holds, self.logs)
        # The first is removed first, and none before the merged one was seen to be whole.
        if merged.first not in (log.first for log in sources):
            return False
        return not _read(folder, merged.name).is_closed


def read_log(folder: Folder, log: Log, take: Callable[[Entry], None]) -> Records:
    """Read the entries of a log.

    Returns
    -------
    Records
        What was read.

    Raises
    ------
    FileNotFoundError
        If it is not there any more.
    CheckpointError
        If it is another kind of file, or what is in it cannot be unpickled here.
    """
    path = f"{folder.path}/{log.name}"
    records = _read(folder, log.name)
    if records.rest:
        logger.warning("%s: the last %d bytes are not whole, and dropped", path, records.rest)
    if records.damaged:
        logger.error("%s: %d bytes are damaged, and what was in them is lost", path, records.damaged)
    for content in records.contents:
        take(_decode(path, content))
    return records


def write_whole(folder: Folder, name: str, records: Iterable[bytes]) -> None:
    """Write a file that is going to take the place of others, and see that it is there.

    Raises
    ------
    OSError
        If it is not.
    """
    content = file_of(records)
    folder.write(name, content)
    if not folder.is_atomic and folder.read(name) != content:
        raise OSError(f"{folder.path}/{name} was written, and what can be read there is something else")


def write_functions(folder: Folder, functions: list[bytes]) -> None:
    """Write the file with the learner's functions."""
    folder.write(FUNCTIONS, file_of([record(functions)]))


def merge_logs(folder: Folder, learner: int, run: str) -> None:
    """Merge the newest logs, if there are small ones among them.

    A crash at any moment leaves what can be read. The newest log must not be written to any more.

    Parameters
    ----------
    folder : Folder
    learner : int
        The number of the learner that counts.
    run : str
        For the name of the new log.
    """
    listing = Listing.of(folder)
    chosen: list[Log] = []
    entries = _Pieces()
    size = 0
    for log in reversed(listing.logs_from(learner)):
        pieces = _Pieces()
        log_size = read_log(folder, log, pieces.add).size
        if chosen and (size < _MERGE_SHARE * log_size or size + log_size > _MAX_MERGED_BYTES):
            break
        pieces.extend(entries)
        entries, size = pieces, size + log_size
        chosen.insert(0, log)
    merged = Log(chosen[0].first, max(log.last for log in chosen), run) if chosen else None
    if merged is not None and len(chosen) > 1 and all(map(merged.holds, chosen)):
        write_whole(folder, merged.name, (piece.encode() for piece in entries.pieces))
        for log in chosen:  # the first one first: see `Listing._is_torn`
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
        if last is not None and len(last.points) + len(entry.points) <= _MAX_RESULTS_IN_RECORD:
            last.absorb(entry)
        elif entry:
            self.pieces.append(entry)

    def extend(self, later: _Pieces) -> None:
        for entry in later.pieces:
            self.add(entry)


def _read(folder: Folder, name: str) -> Records:
    path = f"{folder.path}/{name}"
    content = folder.read(name)
    if content is None:
        raise FileNotFoundError(path)
    return records_of(path, content)


def _decode(path: str, content: Any) -> Entry:
    try:
        return Entry.decode(content)
    except ImportError as error:
        raise CheckpointError(
            path, f"its points or values need the module {error.name!r}, which is not installed here."
        ) from error
    except Exception as error:
        raise CheckpointError(path, f"its content cannot be read here: {error!r}.") from error
