"""Checkpoints: the learner of a run and all its results in a folder, to resume the run after its scheduler died.

See docs/checkpoints.md for the guarantees, and `checkpoint_files` for the files in the folder.
"""

from __future__ import annotations

import itertools
import os
import time
import warnings
from functools import partial
from typing import Any

import adaptive_dask
from adaptive_dask.errors import CheckpointError
from adaptive_dask.learner.any_learner import tell_all
from adaptive_dask.learner.function_pickle import dumps_apart, loads_together
from adaptive_dask.plain import printable
from adaptive_dask.storage.checkpoint_files import (
    FUNCTIONS,
    Listing,
    Log,
    learner_name,
    merge_logs,
    read_log,
    read_records,
    remove_obsolete,
    write_functions,
    write_whole,
)
from adaptive_dask.storage.checkpoint_folder import Folder, folder_at
from adaptive_dask.storage.checkpoint_format import Entry, file_of, record
from adaptive_dask.storage.checkpoint_lock import Lock
from adaptive_dask.storage.checkpoint_writer import CheckpointWriter
from adaptive_dask.storage.learner_copy import copy_learner
from adaptive_dask.storage.learner_identity import describe, identity

# A run may merge files, and so remove them, while they are read. Reading is then repeated.
_MAX_READS = 10


def load(checkpoint: str | os.PathLike[str]) -> Any:
    """Return the learner of a checkpoint with all results. Works without a cluster, and during the run.

    Parameters
    ----------
    checkpoint : str or path
        A folder, or a URL that fsspec can open.

    Returns
    -------
    BaseLearner
        With its function, if the modules that it needs are installed here.

    Raises
    ------
    CheckpointError
        If there is no checkpoint, or it cannot be read.

    Warns
    -----
    RuntimeWarning
        If files are damaged and results are lost.

    Notes
    -----
    Loading unpickles data that the run has written. Load only checkpoints that you trust.
    """
    folder = folder_at(checkpoint)
    for looks in itertools.count(1):
        try:
            listing = Listing.of(folder)
            base = _read_base(folder, listing)
            if base is None:
                raise CheckpointError(folder.path, "must be a checkpoint, got a folder without one.")
            learner = base.load(_read_functions(folder))
            content = _read_logs(folder, listing, base.number)
            break
        except FileNotFoundError as error:
            if looks == _MAX_READS:
                raise CheckpointError(folder.path, f"cannot be read while its files change: {error}") from error
        except OSError as error:
            raise CheckpointError(folder.path, f"cannot be read: {error}") from error
    content.tell(folder.path, learner)
    if content.damage is not None:
        warnings.warn(printable(f"{folder.path}: {content.damage}"), RuntimeWarning, stacklevel=2)
    return learner


class Resumed(Entry):
    """State of an earlier run: the combined contents of all logs of its checkpoint.

    Attributes
    ----------
    told : int
        Number of results that the learner was told.
    damage : str or None
        Description of damage, if there is any.
    """

    told = 0
    damage: str | None = None

    def tell(self, path: str, learner: Any) -> None:
        """Tell the results to a learner."""
        if not self.points:
            return
        try:
            tell_all(learner, self.points, self.values)
        except Exception as error:
            raise CheckpointError(
                path,
                f"must contain results for this {type(learner).__name__}, got results that it rejects: {error!r}.",
            ) from error


class Checkpoint:
    """A checkpoint that a run writes to.

    Parameters
    ----------
    path : str or path
        A folder, which is created if it does not exist, or a URL that fsspec can open.
    run : str
        The name of the run, for messages.

    Attributes
    ----------
    path : str
    writer : CheckpointWriter
        The journal for the run's session, after `begin`.

    Notes
    -----
    The constructor can wait for the lock of a run on another machine, and `close` waits for the disk. Do not call them
    in a thread that other runs need.

    Raises
    ------
    CheckpointInUseError
        If another run writes to it.
    CheckpointError
        If the checkpoint cannot be written, or the folder contains other files.
    """

    writer: CheckpointWriter
    _has_begun = False

    def __init__(self, path: str | os.PathLike[str], run: str) -> None:
        self._folder = folder_at(path)
        self.path = self._folder.path
        self._lock = Lock(self._folder, run)
        try:
            listing = Listing.of_names(self._folder)
            if listing.foreign and not listing.learners:
                raise CheckpointError(
                    self.path,
                    f"must be a checkpoint, or a new or empty folder, got other files ({listing.foreign[0]!r}). "
                    "Use a separate folder.",
                )
            self._lock.acquire()
        except OSError as error:
            raise CheckpointError(
                self.path, f"must be a folder that this machine can write to, got: {error}."
            ) from error

    def begin(self, learner: Any, functions: list[bytes]) -> Resumed:
        """Tell a learner the results in the checkpoint, and start writing.

        Parameters
        ----------
        learner : BaseLearner
            Its own data are kept, and are added to the checkpoint.
        functions : list of bytes
            The pickled functions of the learner, for `load`.

        Raises
        ------
        CheckpointError
            If the checkpoint belongs to another learner, is damaged, or cannot be written. It is then closed.
        """
        try:
            resumed = self._begin(learner, functions)
        except BaseException as error:
            self.close()
            if not isinstance(error, OSError):
                raise
            raise CheckpointError(self.path, f"must be writable, got: {error}.") from error
        self._has_begun = True
        return resumed

    def close(self) -> None:
        """Write pending results and release the lock. Can also be called before `begin`, or after it failed."""
        if self._has_begun:
            self.writer.close()
        else:
            self._lock.let_go()

    def status(self) -> dict[str, Any]:
        """Return the path, the number of results that are not written yet, and the current problem or None."""
        return {"path": self.path, "unsaved": self.writer.unsaved, "problem": self.writer.problem}

    # ---- inside

    def _begin(self, learner: Any, functions: list[bytes]) -> Resumed:
        folder = self._folder
        listing = Listing.of(folder)
        base = _read_base(folder, listing)
        resumed = Resumed()
        if base is None:
            base = _write_base(folder, learner, listing.next_number)
        else:
            base.check(learner)
            resumed, base = self._resume(learner, listing, base)
        write_functions(folder, functions)
        remove_obsolete(folder, base.number)
        number = Listing.of(folder).next_number
        self.writer = CheckpointWriter(
            folder,
            self._lock,
            base.number,
            number,
            resumed.damage,
            pack=partial(_base_records, learner),
            functions=functions,
        )
        return resumed

    def _resume(self, learner: Any, listing: Listing, base: _Base) -> tuple[Resumed, _Base]:
        folder = self._folder
        had = _count(learner)
        if base.npoints:
            copy_learner(learner, base.load(None))
        resumed = _read_logs(folder, listing, base.number)
        resumed.tell(self.path, learner)
        resumed.told = max(len(resumed.points), _count(learner) - had)
        if base.npoints or had:
            # The learner with all its data replaces the logs. Points in flight are written first, because logs are
            # valid only with the learner.
            number = listing.next_number
            on_its_way = Entry(asked=resumed.asked, held=resumed.held)
            if on_its_way:
                folder.write(Log(number, number, self._lock.mark).name, file_of([on_its_way.encode()]))
            base = _write_base(folder, learner, number)
        elif len(listing.logs) > 1:
            merge_logs(folder, base.number, self._lock.mark)
        return resumed, base


class _Base:
    """The file with the learner of a checkpoint."""

    def __init__(self, path: str, number: int, header: dict[str, Any], learner: bytes) -> None:
        self.path = path
        self.number = number
        self.identity: dict[str, Any] = header["learner"]
        self.npoints: int = header["npoints"]
        self._learner = learner

    @classmethod
    def of(cls, path: str, number: int, header: Any, learner: Any) -> _Base:
        """Return the learner file with the given contents.

        Raises
        ------
        CheckpointError
            If the contents are not those of a learner file.
        """
        try:
            base = cls(path, number, header, learner)
            valid = isinstance(base.identity, dict) and type(base.npoints) is int and isinstance(learner, bytes)
            text = describe(base.identity) if valid else ""
        except Exception:
            text = ""
        if not text:
            raise CheckpointError(path, "must contain the learner of a checkpoint, got other data. Use another copy.")
        return base

    def load(self, functions: list[bytes] | None) -> Any:
        try:
            try:
                return loads_together(self._learner, functions)
            except Exception:
                if functions is None:
                    raise
                return loads_together(self._learner, None)  # only its function cannot be loaded here
        except Exception as error:
            raise CheckpointError(
                self.path, f"its {describe(self.identity)} cannot be unpickled here: {error!r}."
            ) from error

    def check(self, learner: Any) -> None:
        expected = identity(learner)
        if expected != self.identity:
            raise CheckpointError(
                self.path,
                f"must be the checkpoint of a {describe(expected)}, got that of a {describe(self.identity)}. Use "
                "another folder for this learner, or the learner that the checkpoint belongs to.",
            )


def _read_base(folder: Folder, listing: Listing) -> _Base | None:
    """Return the newest learner file that is complete."""
    for number in listing.learners:
        name = learner_name(number)
        parts = read_records(folder, name).contents
        if len(parts) == 2:
            return _Base.of(f"{folder.path}/{name}", number, *parts)
    if listing.logs:
        raise CheckpointError(folder.path, "must be a checkpoint, got one whose learner is missing or damaged.")
    return None


def _write_base(folder: Folder, learner: Any, number: int) -> _Base:
    header, pickled = _base_content(learner)
    write_whole(folder, learner_name(number), [record(header), record(pickled)])
    return _Base(folder.path, number, header, pickled)


def _base_content(learner: Any) -> tuple[dict[str, Any], bytes]:
    header = {
        "learner": identity(learner),
        "npoints": _count(learner),
        "adaptive_dask": adaptive_dask.__version__,
        "created": time.time(),
    }
    return header, dumps_apart(learner)[0]


def _base_records(learner: Any) -> list[bytes]:
    return [record(part) for part in _base_content(learner)]


def _read_functions(folder: Folder) -> list[bytes] | None:
    try:
        parts = read_records(folder, FUNCTIONS).contents
    except FileNotFoundError:
        return None
    return parts[0] if parts else None


def _read_logs(folder: Folder, listing: Listing, number: int) -> Resumed:
    content = Resumed()
    damaged = {log.name: read_log(folder, log, content.absorb).damaged for log in listing.logs_from(number)}
    where = ", ".join(f"{name} ({count} bytes)" for name, count in damaged.items() if count)
    if where:
        content.damage = f"damaged in the middle: {where}. The results there are lost; everything else was read."
    return content


def _count(learner: Any) -> int:
    """Return the number of results of a learner, or 1 if it has no `npoints`."""
    return int(getattr(learner, "npoints", 1))
