"""Writes what happens in a run to the log of its checkpoint, in a thread of its own."""

from __future__ import annotations

import itertools
import pickle
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from adaptive_dask.errors import CheckpointInUseError
from adaptive_dask.plain import get_logger, safe_repr
from adaptive_dask.storage.checkpoint_files import (
    Log,
    learner_name,
    merge_logs,
    remove_obsolete,
    write_functions,
    write_whole,
)
from adaptive_dask.storage.checkpoint_folder import Folder, GrowingFile, LocalFolder
from adaptive_dask.storage.checkpoint_format import FIRST_LINE, Entry, file_of
from adaptive_dask.storage.checkpoint_lock import HEARTBEAT_S, Lock
from adaptive_dask.storage.checkpoint_presence import Presence
from adaptive_dask.user_code import guarded

logger = get_logger(__name__)

# What has happened is written together so long after the first of it (seconds).
WRITE_INTERVAL_S = 0.5

# After an error, the next try comes so much later (seconds); at the end of a run there are so many seconds for it.
RETRY_AFTER_S = 1.0
FINAL_TRIES_TIMEOUT_S = 5.0

# A disk that does not answer does not keep a run from its end for longer (seconds).
CLOSE_TIMEOUT_S = 30.0

# Making a record keeps Python's interpreter from others, such as the event loop: so many bytes make one, or one result
# if that is more. The first record is of so many results, and shows how large they are.
MAX_RECORD_BYTES = 2**20
FIRST_RECORD_RESULTS = 16

# A log that has so many bytes is closed, and another one begun. So many logs are merged.
MAX_LOG_BYTES = 64 * 2**20
MAX_LOGS = 64


class CheckpointWriter:
    """The journal of a `Session`: what it is told is in the checkpoint within a second.

    Its methods are called from one thread at a time, and only note what they are given. Nothing that
    happens to the files is raised there: `problem` says what is wrong, what could not be written is kept,
    and is tried again until it can be.

    Parameters
    ----------
    folder : Folder
    lock : Lock
        Held; released by `close`.
    learner : int
        The number of the learner that the logs belong to.
    number : int
        Of the first log to write.
    problem : str, optional
        What was wrong from the start, and does not pass.
    pack : callable
        Makes the records of a learner's file of the learner as it is: called while `told` is, and when the run is over.
    functions : list of bytes
        The learner's functions. Both are written again if files are deleted or moved meanwhile.

    Attributes
    ----------
    problem : str or None
        Why nothing can be written, now; or what could not be and never will.
    """

    def __init__(
        self,
        folder: Folder,
        lock: Lock,
        learner: int,
        number: int,
        problem: str | None = None,
        *,
        pack: Callable[[], list[bytes]],
        functions: list[bytes],
    ) -> None:
        self.problem = problem
        self._pack_learner = pack
        self._functions = functions
        self._presence = Presence(folder)
        self._looked = time.monotonic()  # whether the files are there, the last time
        self._missing: str | None = None  # what is wrong with them, until the learner is there to be written again
        self._anew: tuple[list[bytes], int] | None = None  # the learner, and how many results it had been told
        self._folder = folder
        self._lock = lock
        self._learner = learner
        self._numbers = itertools.count(number)
        self._logs = 0
        self._file: GrowingFile | None = None
        self._noted: deque[Callable[[Entry], None]] = deque()  # what happened, not yet in the entries
        self._entries: list[Entry] = []  # not yet written
        self._records: list[tuple[bytes, int]] = []  # of an entry that is being written, with their numbers of results
        self._results_in_record = FIRST_RECORD_RESULTS
        self._log: str | None = None  # the name of the next log
        self._lasting = problem  # a problem that does not pass
        self._told = self._saved = 0
        self._bell = threading.Event()
        self._closing = threading.Event()
        self._is_lost = False
        self._thread = threading.Thread(target=self._write, name="adaptive-checkpoint", daemon=True)
        self._thread.start()

    @property
    def unsaved(self) -> int:
        """How many results are not in the checkpoint yet."""
        return self._told - self._saved

    # ---- what a session says

    def asked(self, first: int, points: Sequence[Any]) -> None:
        """The learner was asked for points, whose ids are `first` and those that follow."""
        self._note(lambda entry: entry.ask(dict(enumerate(points, first))))

    def told(self, ids: Sequence[int], points: Sequence[Any], values: Sequence[Any]) -> None:
        """The learner was told values at points; the ids are those that were asked for, or none."""

        def add(entry: Entry) -> None:
            entry.points += points
            entry.values += values
            entry.forget(ids)

        self._told += len(points)
        self._note(add)
        if self._missing is not None:
            self._take_learner()

    def held(self, ids: Sequence[int], values: Sequence[Any]) -> None:
        """Values arrived, of which the learner is told later."""
        self._note(lambda entry: entry.held.update(zip(ids, values, strict=True)))

    def arrived(self, ids: Sequence[int], packed: Sequence[float | bytes]) -> None:
        """As `held`, with what is no float pickled; also while another thread says something."""

        def add(entry: Entry) -> None:
            for pid, value in zip(ids, packed, strict=True):
                try:
                    entry.held[pid] = guarded(pickle.loads, value) if isinstance(value, bytes) else value
                except Exception:  # the learner's thread finds that out too, and says so
                    logger.debug("A result that cannot be unpickled is not written", exc_info=True)

        self._note(add)

    def dropped(self, ids: Iterable[int]) -> None:
        """Points that were asked for are not wanted any more."""
        ids = list(ids)
        self._note(lambda entry: entry.forget(ids))

    def close(self) -> None:
        """Write what is left and release the lock; afterwards `problem` says if that could not be done."""
        self._closing.set()
        self._bell.set()
        self._thread.join(CLOSE_TIMEOUT_S)
        if self._thread.is_alive():
            self.problem = f"writing takes longer than {CLOSE_TIMEOUT_S:.0f} s"

    def _take_learner(self) -> None:
        """Have the learner written as it is, which has all that was told so far; it must not change meanwhile."""
        try:
            records = self._pack_learner()
        except Exception as error:
            self.problem = self._lasting = f"{self._missing} That cannot be done: {error!r}"
            self._is_lost = True
            return
        told = self._told

        def begin_anew(_: Entry) -> None:
            self._anew = records, told
            self._entries[:] = [Entry()]
            self._records.clear()
            self._log = None

        self._missing = None
        self._note(begin_anew)

    # ---- in its thread

    def _note(self, event: Callable[[Entry], None]) -> None:
        self._noted.append(event)
        if not self._bell.is_set():
            self._bell.set()

    def _write(self) -> None:
        while not self._closing.is_set():
            if self._bell.wait(HEARTBEAT_S):
                self._closing.wait(WRITE_INTERVAL_S)
            if not self._try_to_write():
                self._closing.wait(RETRY_AFTER_S)
        deadline = time.monotonic() + FINAL_TRIES_TIMEOUT_S
        while not self._try_to_write() and not self._is_lost and time.monotonic() < deadline:
            time.sleep(RETRY_AFTER_S)  # whatever is wrong may pass
        self._close_file()
        self._lock.let_go()

    def _try_to_write(self) -> bool:
        self._bell.clear()
        self._gather()
        if self._is_lost:
            self._entries.clear()  # the learner has them
            self._records.clear()
            return False
        try:
            self._lock.keep()
            self._look_for_files()
            if self._anew is not None:
                self._write_anew()
            while self._entries or self._records:
                if not self._records:
                    self._records.extend(self._encode(self._entries[0]))
                    del self._entries[0]
                if self._records:
                    self._append([record for record, _ in self._records])
                    self._saved += sum(results for _, results in self._records)
                    self._records.clear()
            self._merge()
        except Exception as error:
            self._complain(error)
            return False
        if self.problem != self._lasting:
            logger.warning("Checkpoint %s is written again", self._folder.path)
            self.problem = self._lasting
        return True

    def _look_for_files(self) -> None:
        """Notice that files are gone.

        Raises
        ------
        FileNotFoundError
            Until the learner is there to be written again.
        """
        is_over = self._closing.is_set()
        if self._missing is None and self._anew is None and (is_over or time.monotonic() - self._looked > HEARTBEAT_S):
            self._looked = time.monotonic()
            name = self._presence.missing(self._file)
            if name is not None:
                self._close_file()
                self._saved = 0
                self._missing = f"{name} was deleted or moved. Everything is written again with the next result."
        if self._missing is not None and is_over:
            self._take_learner()
            self._gather()
        if self._missing is not None:
            raise FileNotFoundError(self._missing)

    def _write_anew(self) -> None:
        assert self._anew is not None
        records, told = self._anew
        self._close_file()
        self._lock.keep(at_once=True)  # it may be gone with the others
        number = next(self._numbers)
        write_whole(self._folder, learner_name(number), records)
        write_functions(self._folder, self._functions)
        remove_obsolete(self._folder, number)
        self._learner, self._logs = number, 0
        self._presence.look()
        self._saved = told
        self._anew = None

    def _gather(self) -> None:
        if not self._noted:
            return
        if not self._entries:
            self._entries.append(Entry())
        while self._noted:
            self._noted.popleft()(self._entries[-1])

    def _encode(self, entry: Entry) -> list[tuple[bytes, int]]:
        records = []
        begin = 0
        while len(entry.points) - begin > self._results_in_record:
            end = begin + self._results_in_record
            records += self._encode_part(Entry(entry.points[begin:end], entry.values[begin:end]))
            begin = end
        rest = Entry(entry.points[begin:], entry.values[begin:], entry.asked, entry.held, entry.gone)
        return records + self._encode_part(rest)

    def _encode_part(self, entry: Entry) -> list[tuple[bytes, int]]:
        if not entry:
            return []
        try:
            record, results = guarded(entry.encode), len(entry.points)
            if results:
                fit = max(1, MAX_RECORD_BYTES * results // len(record))
                self._results_in_record = min(fit, 4 * self._results_in_record)
            return [(record, results)]
        except Exception as error:
            halves = entry.halves()
            if halves is not None:
                return [record for half in halves for record in self._encode_part(half)]
            why = safe_repr(error)
            logger.error("Checkpoint %s: a result cannot be written, for %s", self._folder.path, why)
            self._lasting = self.problem = f"a point or its result cannot be pickled, and is not written: {why}"
            return []

    def _append(self, records: list[bytes]) -> None:
        if not isinstance(self._folder, LocalFolder):
            if self._log is None:
                self._log = self._next_log()
            # Under the same name when it is tried again: what there is of it already is not to be read as well.
            self._folder.write(self._log, file_of(records))
            self._presence.add(self._log)
            self._log = None
            return
        if self._file is None:
            name = self._next_log()
            self._file = self._folder.open_log(name)
            self._presence.add(name)
        try:
            self._file.append(records if self._file.size else [FIRST_LINE, *records])
        except OSError:
            self._close_file()  # what the disk has of it is not certain any more
            raise
        if self._file.size > MAX_LOG_BYTES:
            self._close_file()

    def _next_log(self) -> str:
        number = next(self._numbers)
        self._logs += 1
        return Log(number, number, self._lock.mark).name

    def _merge(self) -> None:
        if self._logs > MAX_LOGS and self._file is None:
            self._logs = 0
            merge_logs(self._folder, self._learner, self._lock.mark)
            self._presence.look()

    def _close_file(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _complain(self, error: Exception) -> None:
        if self.problem == self._lasting:
            logger.error(
                "Checkpoint %s cannot be written: %r. The run goes on, and what happened since is written as soon "
                "as that is possible.",
                self._folder.path,
                error,
            )
        self.problem = str(error) or repr(error)
        if isinstance(error, CheckpointInUseError):  # another run has it now
            self._is_lost = True
