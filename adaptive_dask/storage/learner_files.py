"""Save the data of a learner to a file, and load them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from adaptive_dask.errors import DataFileError, DataFileMissingError
from adaptive_dask.storage import adaptive_files, file_format
from adaptive_dask.storage.atomic_file import write_atomically

FileNames = Callable[[Any], str | os.PathLike[str]] | Iterable[str | os.PathLike[str]]


def save(learner: Any, fname: str | os.PathLike[str] | None = None, compress: bool = True) -> None:
    """Save the data of a learner, without its function and pending points.

    Parameters
    ----------
    learner : BaseLearner
    fname : str or path, optional
        The default is ``learner.fname``. Folders are created; ``~`` is the home folder.
    compress : bool, default: True
        Whether to compress the data with gzip.

    Raises
    ------
    ValueError
        If there is no file name.
    OSError
        If the file cannot be written. An existing file is unchanged.
    """
    kinds = [kind.__name__ for kind in type(learner).__mro__ if kind.__name__ not in _COMMON]
    content = file_format.encode(learner._get_data(), kinds, int(learner.npoints), compress)
    write_atomically(_path(learner, fname), content)


def load(learner: Any, fname: str | os.PathLike[str] | None = None, missing_ok: bool = False) -> None:
    """Add the data of a file to a learner.

    Files of python-adaptive can be loaded as well. Compression is detected automatically.

    Parameters
    ----------
    learner : BaseLearner
    fname : str or path, optional
        The default is ``learner.fname``.
    missing_ok : bool, default: False
        Whether to ignore a missing file. python-adaptive always ignores it.

    Raises
    ------
    DataFileMissingError
        If the file does not exist.
    DataFileError
        If the file is truncated, damaged, foreign, belongs to another kind of learner, or is inconsistent with the
        learner's data. The learner is unchanged.
    """
    _read(learner, fname, missing_ok)()


def save_children(learners: Sequence[Any], fnames: FileNames | None, compress: bool = True) -> None:
    """Save the data of each learner to a separate file.

    Parameters
    ----------
    learners : sequence of BaseLearner
    fnames : callable, or iterable of str or path, optional
        A function that returns the file name of a learner, or one name for each. The default is their ``fname``.
    compress : bool, default: True
    """
    for learner, fname in zip(learners, _names(learners, fnames), strict=True):
        save(learner, fname, compress)


def load_children(learners: Sequence[Any], fnames: FileNames | None, missing_ok: bool = False) -> None:
    """Load the files of `save_children`. If one of them cannot be loaded, none is.

    With ``missing_ok=True``, learners without a file stay as they are.

    Raises
    ------
    DataFileError
    """
    names = _names(learners, fnames)
    for add in [_read(learner, fname, missing_ok) for learner, fname in zip(learners, names, strict=True)]:
        add()


_COMMON = {"BaseLearner", "SettingsLearner", "ReasonsLearner", "RegionLearner", "ABC", "object"}


def _read(learner: Any, fname: str | os.PathLike[str] | None, missing_ok: bool) -> Callable[[], None]:
    """Read and check a file. Return a function that adds its data to the learner."""
    path = _path(learner, fname)
    kind = type(learner).__name__
    try:
        with open(path, "rb") as file:
            content = file.read()
    except FileNotFoundError:
        if missing_ok:
            return lambda: None
        raise DataFileMissingError(
            path,
            f"must be a file with data of a {kind}, got no such file. To start without data the first time, call "
            "load(fname, missing_ok=True).",
        ) from None
    except IsADirectoryError:
        raise DataFileError(path, f"must be a file with data of a {kind}, got a folder.") from None
    if file_format.is_ours(content):
        header, data = file_format.decode(path, content, partial(_check_kind, path, learner))

        def add(learner: Any) -> None:
            learner._set_data(data)

        source = header.learner[0]
    elif adaptive_files.could_be_adaptives(content):
        theirs = adaptive_files.decode(path, content)

        def add(learner: Any) -> None:
            learner.tell_many(*adaptive_files.points_and_values(learner, theirs))

        source = "learner of python-adaptive"
    else:
        what = f"a file that begins with {content[:20]!r}" if content else "an empty file"
        raise DataFileError(path, f"must be a file with data of a {kind}, got {what}.")
    try:
        # Test the data with another learner first, so that an error does not change this one.
        trial = learner.new()
        if learner.npoints:
            trial._set_data(learner._get_data())
        add(trial)
    except Exception as error:
        raise DataFileError(
            path, f"must contain data for this {kind}, got data of a {source} that it rejects: {error}"
        ) from error
    return lambda: add(learner)


def _check_kind(path: str, learner: Any, header: file_format.Header) -> None:
    if not {kind.__name__ for kind in type(learner).__mro__} & set(header.learner) - _COMMON:
        kind = type(learner).__name__
        raise DataFileError(path, f"must contain data of a {kind}, got data of a {header.learner[0]}.")


def _path(learner: Any, fname: str | os.PathLike[str] | None) -> str:
    fname = fname if fname is not None else learner.fname
    if fname is None:
        raise ValueError(
            f"fname must be a file name, got None. Pass fname= or set the fname of this {type(learner).__name__}."
        )
    return os.path.expanduser(os.fspath(fname))


def _names(learners: Sequence[Any], fnames: FileNames | None) -> list[str | os.PathLike[str] | None]:
    if fnames is None:
        names: list[str | os.PathLike[str] | None] = [None] * len(learners)
    elif callable(fnames):
        names = [fnames(learner) for learner in learners]
    else:
        names = list(fnames)
    if len(names) != len(learners):
        raise ValueError(f"fname must have one name for each of {len(learners)} learners, got {len(names)}.")
    paths = [_path(learner, name) for learner, name in zip(learners, names, strict=True)]
    if len(set(paths)) < len(paths):
        twice = next(path for path in paths if paths.count(path) > 1)
        raise ValueError(f"fname must be different for each learner, got {twice} for two of them.")
    return list(paths)
