"""Writes the events of a run to its checkpoint log, in a separate thread."""

from __future__ import annotations

import pickle
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from adaptive_dask import config
from adaptive_dask.errors import CheckpointInUseError
from adaptive_dask.logs import get_logger
from adaptive_dask.plain import safe_repr
from adaptive_dask.storage.checkpoint_folder import Folder
from adaptive_dask.storage.checkpoint_format import Entry
from adaptive_dask.storage.checkpoint_lock import HEARTBEAT_S, Lock
from adaptive_dask.storage.checkpoint_run import FilesOfRun
from adaptive_dask.user_code import guarded

logger = get_logger(__name__)

# The time until the next try after an error, and the time limit for all tries at the end of a run (seconds).
RETRY_AFTER_S = 1.0
FINAL_TRIES_TIMEOUT_S = 5.0

# The time limit for a disk that does not respond at the end of a run (seconds).
CLOSE_TIMEOUT_S = 30.0

# The approximate size of a record (bytes), unless it contains a single larger result, because encoding holds the
# interpreter lock, for which the event loop waits. The first record has a fixed number of results, whose size is
# measured.
MAX_RECORD_BYTES = 2**20
FIRST_RECORD_RESULTS = 16


class CheckpointWriter:
    """The journal of a `Session`: events are in the checkpoint within a second.

    Its methods are called from one thread at a time, and only record the event. They do not raise errors of the files:
    `problem` describes the error, and events that could not be written are kept and written later.

    Parameters
    ----------
    folder : Folder
    lock : Lock
        A lock that is held. `close` releases it.
    learner : int
        The number of the learner that the logs belong to.
    number : int
        The number of the first log to write.
    problem : str, optional
        A permanent problem that exists from the start.
    pack : callable
        Returns the records of the current learner. Called from `told`, and at the end of the run.
    functions : list of bytes
        The learner's functions. They and the learner are written again if files are deleted or moved.

    Attributes
    ----------
    problem : str or None
        The reason why writing fails at present, or a description of data that can never be written.
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
        self._files = FilesOfRun(folder, lock.mark, learner, number)
        self._looked = time.monotonic()  # time of the last check for missing files
        self._missing: str | None = None  # description of missing files, until the learner can be written again
        self._anew: tuple[list[bytes], int] | None = None  # records of the learner, and its number of results
        self._folder = folder
        self._lock = lock
        self._noted: deque[Callable[[Entry], None]] = deque()  # events that are not yet in the entries
        self._entries: list[Entry] = []  # not yet written
        self._records: list[tuple[bytes, int]] = []  # records that are being written, with their numbers of results
        self._results_in_record = FIRST_RECORD_RESULTS
        self._lasting = problem  # a permanent problem
        self._told = self._saved = 0
        self._bell = threading.Event()
        self._closing = threading.Event()
        self._is_lost = False
        self._thread = threading.Thread(target=self._write, name="adaptive-checkpoint", daemon=True)
        self._thread.start()

    @property
    def unsaved(self) -> int:
        """The number of results that are not in the checkpoint yet."""
        return self._told - self._saved

    # ---- events from the session

    def asked(self, first: int, points: Sequence[Any]) -> None:
        """Record that the learner was asked for points. Their ids are consecutive, starting with `first`."""
        self._note(lambda entry: entry.ask(dict(enumerate(points, first))))

    def told(self, ids: Sequence[int], points: Sequence[Any], values: Sequence[Any]) -> None:
        """Record that the learner was told values. `ids` are those of points that were asked for."""

        def add(entry: Entry) -> None:
            entry.points += points
            entry.values += values
            entry.forget(ids)

        self._told += len(points)
        self._note(add)
        if self._missing is not None:
            self._take_learner()

    def held(self, ids: Sequence[int], values: Sequence[Any]) -> None:
        """Record values that have arrived and will be told later."""
        self._note(lambda entry: entry.held.update(zip(ids, values, strict=True)))

    def arrived(self, ids: Sequence[int], packed: Sequence[float | bytes]) -> None:
        """Record values as `held` does; values other than floats are pickled. Safe to call from any thread."""

        def add(entry: Entry) -> None:
            for pid, value in zip(ids, packed, strict=True):
                try:
                    entry.held[pid] = guarded(pickle.loads, value) if isinstance(value, bytes) else value
                except Exception:  # the learner's thread reports the same error
                    logger.debug("Skipped a result that cannot be unpickled", exc_info=True)

        self._note(add)

    def dropped(self, ids: Iterable[int]) -> None:
        """Record that points are no longer in flight and will not be told."""
        ids = list(ids)
        self._note(lambda entry: entry.forget(ids))

    def close(self) -> None:
        """Write remaining events and release the lock. If this fails, `problem` says why."""
        self._closing.set()
        self._bell.set()
        self._thread.join(CLOSE_TIMEOUT_S)
        if self._thread.is_alive():
            self.problem = f"writing takes longer than {CLOSE_TIMEOUT_S:.0f} s"

    def _take_learner(self) -> None:
        """Write the learner with all its results. The learner must not change during this call."""
        try:
            records = self._pack_learner()
        except Exception as error:
            self.problem = self._lasting = f"{self._missing} This failed: {error!r}"
            self._is_lost = True
            return
        told = self._told

        def begin_anew(_: Entry) -> None:
            self._anew = records, told
            self._entries[:] = [Entry()]
            self._records.clear()

        self._missing = None
        self._note(begin_anew)

    # ---- in the writer's thread

    def _note(self, event: Callable[[Entry], None]) -> None:
        self._noted.append(event)
        if not self._bell.is_set():
            self._bell.set()

    def _write(self) -> None:
        while not self._closing.is_set():
            if self._bell.wait(HEARTBEAT_S):
                self._closing.wait(config.get("checkpoint.interval"))  # events are written together
            if not self._try_to_write():
                self._closing.wait(RETRY_AFTER_S)
        deadline = time.monotonic() + FINAL_TRIES_TIMEOUT_S
        while not self._try_to_write() and not self._is_lost and time.monotonic() < deadline:
            time.sleep(RETRY_AFTER_S)  # the problem may be temporary
        self._files.close()
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
                    self._files.append([record for record, _ in self._records])
                    self._saved += sum(results for _, results in self._records)
                    self._records.clear()
            self._files.merge()
        except Exception as error:
            self._complain(error)
            return False
        if self.problem != self._lasting:
            logger.warning("Checkpoint %s is written again", self._folder.path)
            self.problem = self._lasting
        return True

    def _look_for_files(self) -> None:
        """Detect missing files.

        Raises
        ------
        FileNotFoundError
            If files are missing and the learner cannot be written yet.
        """
        is_over = self._closing.is_set()
        if self._missing is None and self._anew is None and (is_over or time.monotonic() - self._looked > HEARTBEAT_S):
            self._looked = time.monotonic()
            name = self._files.missing()
            if name is not None:
                self._files.close()
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
        self._lock.keep(at_once=True)  # the lock may be missing too
        self._files.begin_anew(records, self._functions)
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
            logger.error("Checkpoint %s: cannot write a result: %s", self._folder.path, why)
            self._lasting = self.problem = f"a point or its result cannot be pickled and is not written: {why}"
            return []

    def _complain(self, error: Exception) -> None:
        if self.problem == self._lasting:
            logger.error(
                "Cannot write checkpoint %s: %r. The run continues, and its results are written as soon as possible.",
                self._folder.path,
                error,
            )
        self.problem = str(error) or repr(error)
        if isinstance(error, CheckpointInUseError):  # another run owns the lock now
            self._is_lost = True
