"""The files of a checkpoint: their names, which of them are valid, and how logs are merged.

====================== ==========================================================================
``learner-N``          the learner with all results before log number N, and its identity
``log-N-M``            results, and points in flight, in order of time
``functions``          the learner's functions; only `load` reads them
``lock``               the run that is writing
====================== ==========================================================================

In stores where logs cannot be created in one step, their names end with an identifier of the run, so that runs do not
overwrite each other's logs.

A log has one number, or a range of numbers if it was merged from other logs. The other logs are then invalid and are
removed. While they exist, the merged log is valid only if it is complete, because not every store replaces files in one
step. A learner file with a higher number invalidates the other learner files and all earlier logs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from adaptive_dask.errors import CheckpointError
from adaptive_dask.logs import get_logger
from adaptive_dask.storage.checkpoint_folder import Folder
from adaptive_dask.storage.checkpoint_format import Entry, Records, file_of, record, records_of

logger = get_logger(__name__)

_LOG = re.compile(r"log-(\d{6,})-(\d{6,})(?:-([0-9a-f]+))?")
_LEARNER = re.compile(r"learner-(\d{6,})")

FUNCTIONS = "functions"

# Merging logs reads and writes them. A log is merged with later ones if their total size is at least this share of its
# size. Each result is then written only a few times, in runs of any length.
_MERGE_SHARE = 1 / 4

# Logs are merged in memory, so logs of this size are not merged any more.
_MAX_MERGED_BYTES = 128 * 2**20

# Results in one record, which is unpacked at once.
_MAX_RESULTS_IN_RECORD = 50_000


@dataclass(frozen=True, order=True)
class Log:
    """A log with its first and last number, and the run that wrote it if the name contains it."""

    first: int
    last: int
    run: str = ""

    @property
    def name(self) -> str:
        return f"log-{self.first:06d}-{self.last:06d}" + (f"-{self.run}" if self.run else "")

    def holds(self, other: Log) -> bool:
        """Return whether the range of this log includes that of the other log, which was then merged into it."""
        wider = (self.first, self.last) != (other.first, other.last)
        return wider and self.first <= other.first and other.last <= self.last


def learner_name(number: int) -> str:
    """Return the name of the file with the learner before the log of that number."""
    return f"learner-{number:06d}"


@dataclass(frozen=True)
class Listing:
    """The files in a folder.

    Attributes
    ----------
    learners : list of int
        The numbers of learner files, highest first.
    logs : list of Log
        All logs.
    torn : list of Log
        Incomplete merged logs, left by a crash.
    foreign : list of str
        Files that do not belong to a checkpoint.
    """

    learners: list[int]
    logs: list[Log]
    torn: list[Log]
    foreign: list[str]

    @classmethod
    def of(cls, folder: Folder) -> Listing:
        """List a folder, and check logs whose merging may have been interrupted by a crash.

        Raises
        ------
        FileNotFoundError
            If one of these logs no longer exists.
        """
        listing = cls.of_names(folder)
        listing.torn[:] = [log for log in listing.logs if listing._is_torn(folder, log)]
        for log in listing.torn:
            listing.logs.remove(log)
        return listing

    @classmethod
    def of_names(cls, folder: Folder) -> Listing:
        """List a folder without reading files."""
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
        """Return the valid logs from a number on, in order."""
        chosen: list[Log] = []
        widest: Log | None = None  # of the logs that begin before this number, the one with the highest last number
        for log in sorted(self.logs, key=lambda log: (log.first, -log.last, log.run)):
            if log.first < number or (widest is not None and widest.holds(log)):
                continue
            chosen.append(log)
            if widest is None or log.last > widest.last:
                widest = log
        return chosen

    def obsolete(self, learner: int) -> list[str]:
        """Return the names of invalid files, given the number of the valid learner file."""
        counting = set(self.logs_from(learner))
        return [learner_name(n) for n in self.learners if n < learner] + [
            log.name for log in (*self.torn, *self.logs) if log not in counting
        ]

    def _is_torn(self, folder: Folder, merged: Log) -> bool:
        """Return whether a merged log is incomplete while its sources still exist."""
        sources = filter(merged.holds, self.logs)
        # Sources are removed in order, after the merged log was verified to be complete.
        if merged.first not in (log.first for log in sources):
            return False
        return not read_records(folder, merged.name).is_closed


def read_log(folder: Folder, log: Log, take: Callable[[Entry], None]) -> Records:
    """Read the entries of a log.

    Returns
    -------
    Records
        The contents of the log.

    Raises
    ------
    FileNotFoundError
        If the log no longer exists.
    CheckpointError
        If it is another kind of file, or its contents cannot be unpickled here.
    """
    path = f"{folder.path}/{log.name}"
    records = read_records(folder, log.name)
    if records.rest:
        logger.warning("%s: dropped an incomplete record of %d bytes at the end", path, records.rest)
    if records.damaged:
        logger.error("%s: %d bytes are damaged, and the results in them are lost", path, records.damaged)
    for content in records.contents:
        take(_decode(path, content))
    return records


def write_whole(folder: Folder, name: str, records: Iterable[bytes]) -> None:
    """Write a file that replaces others, and verify it.

    Raises
    ------
    OSError
        If the file was not written correctly.
    """
    content = file_of(records)
    folder.write(name, content)
    if not folder.is_atomic and folder.read(name) != content:
        raise OSError(f"{folder.path}/{name} must contain the data that were just written, got other data")


def write_functions(folder: Folder, functions: list[bytes]) -> None:
    """Write the file with the functions of the learner."""
    folder.write(FUNCTIONS, file_of([record(functions)]))


def merge_logs(folder: Folder, learner: int, run: str) -> None:
    """Merge the newest logs if some of them are small.

    A crash at any time leaves a valid checkpoint. The newest log must be closed.

    Parameters
    ----------
    folder : Folder
    learner : int
        The number of the valid learner file.
    run : str
        Identifier of the run, for the name of the new log.
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
        for log in chosen:  # in order: see `Listing._is_torn`
            folder.remove(log.name)
    remove_obsolete(folder, learner)


def remove_obsolete(folder: Folder, learner: int) -> None:
    """Remove invalid files, given the number of the valid learner file."""
    for name in Listing.of(folder).obsolete(learner):
        folder.remove(name)


class _Pieces:
    """Entries in order, merged up to the maximum size of a record."""

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


def read_records(folder: Folder, name: str) -> Records:
    """Read a file.

    Raises
    ------
    FileNotFoundError
        If the file no longer exists.
    CheckpointError
        If it is another kind of file.
    """
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
            path, f"cannot be read: its points or values need the module {error.name!r}. Install it here."
        ) from error
    except Exception as error:
        raise CheckpointError(path, f"cannot be read here: {error!r}.") from error
