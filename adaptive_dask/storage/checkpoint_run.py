"""The files that one run writes into a checkpoint folder."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable

from adaptive_dask.storage.checkpoint_files import (
    FUNCTIONS,
    Log,
    learner_name,
    merge_logs,
    remove_obsolete,
    write_functions,
    write_whole,
)
from adaptive_dask.storage.checkpoint_folder import Folder, GrowingFile, LocalFolder
from adaptive_dask.storage.checkpoint_format import FIRST_LINE, file_of

# A log of this size is closed, and another one is started. Logs are merged when there are more than MAX_LOGS.
MAX_LOG_BYTES = 64 * 2**20
MAX_LOGS = 64


class FilesOfRun:
    """The logs of a run; detects files of the checkpoint that were deleted or moved.

    Parameters
    ----------
    folder : Folder
        The folder of the checkpoint; its current files must not be removed, except for the lock.
    mark : str
        The mark of the lock, which is part of the names of logs.
    learner : int
        The number of the learner that the logs belong to.
    number : int
        The number of the first log to write.
    """

    def __init__(self, folder: Folder, mark: str, learner: int, number: int) -> None:
        self._folder = folder
        self._mark = mark
        self._learner = learner
        self._numbers = itertools.count(number)
        self._logs = 0
        self._file: GrowingFile | None = None
        self._retried: str | None = None  # the name of an incomplete log
        self._expected: set[str] = set()
        self._expect()

    def _expect(self) -> None:
        self._expected = {name for name in self._folder.names() if name.startswith(("learner-", "log-", FUNCTIONS))}

    def missing(self) -> str | None:
        """Return the name of a file that is missing or was replaced, or None."""
        lost = sorted(self._expected - set(self._folder.names()))
        # Listings of remote stores can be outdated, so the files are read.
        lost = lost if self._folder.can_append else [name for name in lost if self._folder.read(name) is None]
        if lost:
            return lost[0]
        return None if self._file is None or self._file.is_in_place() else os.path.basename(self._file.path)

    def begin_anew(self, records: Iterable[bytes], functions: list[bytes]) -> None:
        """Write a learner and its functions, and replace all earlier files."""
        self.close()
        self._retried = None
        self._learner, self._logs = next(self._numbers), 0
        write_whole(self._folder, learner_name(self._learner), records)
        write_functions(self._folder, functions)
        remove_obsolete(self._folder, self._learner)
        self._expect()

    def append(self, records: list[bytes]) -> None:
        """Write records to the open log or, if files cannot grow, to a new one."""
        if not isinstance(self._folder, LocalFolder):
            # A retry uses the same name, so that an incomplete file is replaced.
            self._retried = self._retried or self._next_log()
            self._folder.write(self._retried, file_of(records))
            self._expected.add(self._retried)
            self._retried = None
            return
        if self._file is None:
            name = self._next_log()
            self._file = self._folder.open_log(name)
            self._expected.add(name)
        try:
            self._file.append(records if self._file.size else [FIRST_LINE, *records])
        except OSError:
            self.close()  # its content on disk is unknown
            raise
        if self._file.size > MAX_LOG_BYTES:
            self.close()

    def _next_log(self) -> str:
        number = next(self._numbers)
        self._logs += 1
        return Log(number, number, self._mark).name

    def merge(self) -> None:
        """Merge the logs if there are many of them."""
        if self._logs > MAX_LOGS and self._file is None:
            self._logs = 0
            merge_logs(self._folder, self._learner, self._mark)
            self._expect()

    def close(self) -> None:
        """Close the open log; the next records start another one."""
        if self._file is not None:
            self._file.close()
            self._file = None
