"""Checkpoints: a run's learner and all its results, in a folder, so that a run can go on after its scheduler died.

See docs/checkpoints.md for what is promised, and `checkpoint_files` for what is in the folder.
"""

from __future__ import annotations

import itertools
import os
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import adaptive_dask
from adaptive_dask.errors import CheckpointError
from adaptive_dask.learner.function_pickle import dumps_apart, loads_together
from adaptive_dask.plain import printable
from adaptive_dask.storage.checkpoint_files import (
    FUNCTIONS,
    Listing,
    Log,
    learner_name,
    merge_logs,
    read_log,
    remove_obsolete,
    write_functions,
    write_whole,
)
from adaptive_dask.storage.checkpoint_folder import Folder, folder_at
from adaptive_dask.storage.checkpoint_format import Entry, file_of, record, records_of
from adaptive_dask.storage.checkpoint_lock import Lock
from adaptive_dask.storage.checkpoint_writer import CheckpointWriter
from adaptive_dask.storage.learner_copy import copy_learner
from adaptive_dask.storage.learner_identity import describe, identity

# Files that vanish while they are read, for a run merges them: it is looked again, so often.
_MAX_READS = 10


def load(checkpoint: str | os.PathLike[str]) -> Any:
    """The learner of a checkpoint, with all results in it; needs no cluster, and no end of the run.

    Parameters
    ----------
    checkpoint : str or path
        A folder, or a URL that fsspec can open.

    Returns
    -------
    BaseLearner
        With its function, if what that needs is installed here.

    Raises
    ------
    CheckpointError
        If there is no checkpoint, or it cannot be read here.

    Warns
    -----
    RuntimeWarning
        If files are damaged, and results in them lost.

    Notes
    -----
    Loading unpickles what the run has written: load only what you trust.
    """
    folder = folder_at(checkpoint)
    for looks in itertools.count(1):
        try:
            listing = Listing.of(folder)
            base = _read_base(folder, listing)
            if base is None:
                raise CheckpointError(folder.path, "expected a checkpoint, found none.")
            learner = base.load(_read_functions(folder))
            content = _read_logs(folder, listing, base.number)
            break
        except FileNotFoundError as error:
            if looks == _MAX_READS:
                raise CheckpointError(folder.path, f"its files come and go: {error}") from error
        except OSError as error:
            raise CheckpointError(folder.path, f"cannot be read: {error}") from error
    content.tell(folder.path, learner)
    if content.damage is not None:
        warnings.warn(printable(f"{folder.path}: {content.damage}"), RuntimeWarning, stacklevel=2)
    return learner


@dataclass
class Resumed:
    """What an earlier run has left.

    Attributes
    ----------
    told : int
        How many results the learner got.
    asked : dict of int to point
        Points that were on their way, by their ids.
    held : dict of int to value
        Results of some of these points that had arrived.
    damage : str or None
        What is lost of it, if anything is.
    """

    told: int = 0
    asked: dict[int, Any] = field(default_factory=dict)
    held: dict[int, Any] = field(default_factory=dict)
    damage: str | None = None


class Checkpoint:
    """A checkpoint that a run writes to.

    Parameters
    ----------
    path : str or path
        A folder, which is created if there is none, or a URL that fsspec can open.
    run : str
        The name of the run, for messages.

    Attributes
    ----------
    path : str
    writer : CheckpointWriter
        The journal for the run's session, after `begin`.

    Notes
    -----
    Making one waits when another machine's run may still be writing, and closing it waits for the disk: threads
    that others wait for do neither.

    Raises
    ------
    CheckpointInUseError
        If another run writes to it.
    CheckpointError
        If it cannot be written, or is something else.
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
                    f"expected a checkpoint, or an empty folder or none, found other files ({listing.foreign[0]!r}). "
                    "Name a folder of its own.",
                )
            self._lock.acquire()
        except OSError as error:
            raise CheckpointError(
                self.path, f"expected a folder that can be written to from this machine, found: {error}."
            ) from error

    def begin(self, learner: Any, functions: list[bytes]) -> Resumed:
        """Tell a learner what the checkpoint has, and begin to write.

        Parameters
        ----------
        learner : BaseLearner
            Its data are kept, in the checkpoint too.
        functions : list of bytes
            Its functions, pickled, for `load`.

        Raises
        ------
        CheckpointError
            If the checkpoint is that of another learner, damaged, or cannot be written. It is closed then.
        """
        try:
            resumed = self._begin(learner, functions)
        except BaseException as error:
            self.close()
            if not isinstance(error, OSError):
                raise
            raise CheckpointError(self.path, f"expected to be able to write the checkpoint, found: {error}.") from error
        self._has_begun = True
        return resumed

    def close(self) -> None:
        """Write what is left, and let others use the checkpoint; also when it has not begun, or could not."""
        if self._has_begun:
            self.writer.close()
        else:
            self._lock.let_go()

    def status(self) -> dict[str, Any]:
        """How it stands, in plain data: path, results that are not written yet, and what is wrong, if anything."""
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
        content = _read_logs(folder, listing, base.number)
        content.tell(self.path, learner)
        resumed = Resumed(max(len(content.points), _count(learner) - had), content.asked, content.held, content.damage)
        if base.npoints or had:
            # The learner with all its data takes the place of the logs. What is on its way comes first, as
            # nothing counts before the learner is there.
            number = listing.next_number
            on_its_way = Entry(asked=content.asked, held=content.held)
            if on_its_way:
                folder.write(Log(number, number, self._lock.mark).name, file_of([on_its_way.encode()]))
            base = _write_base(folder, learner, number)
        elif len(listing.logs) > 1:
            merge_logs(folder, base.number, self._lock.mark)
        return resumed, base


class _Base:
    """A learner's file."""

    def __init__(self, path: str, number: int, header: dict[str, Any], learner: bytes) -> None:
        self.path = path
        self.number = number
        self.identity: dict[str, Any] = header["learner"]
        self.npoints: int = header["npoints"]
        self._learner = learner

    @classmethod
    def of(cls, path: str, number: int, header: Any, learner: Any) -> _Base:
        """Of what a file contains.

        Raises
        ------
        CheckpointError
            If that is not a learner.
        """
        try:
            base = cls(path, number, header, learner)
            valid = isinstance(base.identity, dict) and type(base.npoints) is int and isinstance(learner, bytes)
            text = describe(base.identity) if valid else ""
        except Exception:
            text = ""
        if not text:
            raise CheckpointError(path, "expected the learner of a checkpoint, found something else. Use another copy.")
        return base

    def load(self, functions: list[bytes] | None) -> Any:
        try:
            try:
                return loads_together(self._learner, functions)
            except Exception:
                if functions is None:
                    raise
                return loads_together(self._learner, None)  # its function cannot be loaded here; the data can
        except Exception as error:
            raise CheckpointError(
                self.path, f"its {describe(self.identity)} cannot be unpickled here: {error!r}."
            ) from error

    def check(self, learner: Any) -> None:
        expected = identity(learner)
        if expected != self.identity:
            raise CheckpointError(
                self.path,
                f"expected the checkpoint of a {describe(expected)}, found that of a {describe(self.identity)}. Use "
                "another folder for this learner, or the learner that this one belongs to.",
            )


class _Content(Entry):
    """What is in all logs, and what is no longer."""

    damage: str | None = None

    def tell(self, path: str, learner: Any) -> None:
        """Tell it to a learner."""
        if not self.points:
            return
        try:
            if hasattr(learner, "tell_many"):
                learner.tell_many(self.points, self.values)
            else:  # somebody's own, with ask and tell only
                for point, value in zip(self.points, self.values, strict=True):
                    learner.tell(point, value)
        except Exception as error:
            raise CheckpointError(
                path,
                f"expected results that this {type(learner).__name__} can be told, but it refuses them: {error!r}.",
            ) from error


def _read_base(folder: Folder, listing: Listing) -> _Base | None:
    """The newest learner that is whole."""
    for number in listing.learners:
        name = learner_name(number)
        path = f"{folder.path}/{name}"
        content = folder.read(name)
        if content is None:
            raise FileNotFoundError(path)
        parts = records_of(path, content).contents
        if len(parts) == 2:
            return _Base.of(path, number, *parts)
    if listing.logs:
        raise CheckpointError(folder.path, "expected a checkpoint, found one whose learner is missing or damaged.")
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
    content = folder.read(FUNCTIONS)
    parts = [] if content is None else records_of(f"{folder.path}/{FUNCTIONS}", content).contents
    return parts[0] if parts else None


def _read_logs(folder: Folder, listing: Listing, number: int) -> _Content:
    content = _Content()
    take: Callable[[Entry], None] = content.absorb
    damaged = {}
    for log in listing.logs_from(number):
        damaged[log.name] = read_log(folder, log, take).damaged
    damaged = {name: count for name, count in damaged.items() if count}
    if damaged:
        where = ", ".join(f"{name} ({count} bytes)" for name, count in damaged.items())
        content.damage = f"damaged in the middle: {where}. What was there is lost; all else was read."
    return content


def _count(learner: Any) -> int:
    """How many results a learner has; of somebody's own, that does not say so, one."""
    return int(getattr(learner, "npoints", 1))
