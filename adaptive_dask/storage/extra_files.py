"""Results that workers write to files, one file for each result, at any URL that fsspec supports."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import cloudpickle

from adaptive_dask.errors import DataFileError, DataFileMissingError
from adaptive_dask.learner.by_value import dumps_by_value
from adaptive_dask.storage.urls import reaching
from adaptive_dask.url_secrets import join_userinfo, split_userinfo


class Credentials(NamedTuple):
    """Credentials of a target: options of fsspec, and user and password of the URL."""

    options: Mapping[str, Any]
    userinfo: str


# By target, per process, so that references and learners do not carry credentials into files and other clients.
_credentials: dict[str, Credentials] = {}


def note_target(target: str, storage_options: Mapping[str, Any] | None) -> str:
    """Store the credentials of a target in this process. Return the target without user and password."""
    public, userinfo = split_userinfo(target)
    if storage_options or userinfo:
        _credentials[public.rstrip("/")] = Credentials(dict(storage_options or {}), userinfo)
    return public


def _credentials_for(url: str) -> Credentials:
    targets = [target for target in list(_credentials) if url == target or url.startswith(f"{target}/")]
    return _credentials[max(targets, key=len)] if targets else Credentials({}, "")


@dataclass(frozen=True)
class ExtraFile:
    """A reference to a result in a file.

    Attributes
    ----------
    url : str
        URL without user and password.
    storage_options : mapping
        Options of fsspec. The default is those of a `DataSaver` with this target in this process. They are not pickled
        with the reference.
    """

    url: str
    storage_options: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def __reduce__(self) -> tuple[type[ExtraFile], tuple[str]]:
        return type(self), (self.url,)

    def load(self, storage_options: Mapping[str, Any] | None = None) -> Any:
        """Read the result.

        Parameters
        ----------
        storage_options : mapping, optional
            Options of fsspec. Needed in a process without a `DataSaver` that has the same target and options.

        Raises
        ------
        DataFileMissingError, DataFileError
            If the file does not exist, cannot be read, or has other contents.
        """
        given = storage_options or self.storage_options
        credentials = Credentials(given, "") if given else _credentials_for(self.url)
        try:
            with _reaching(self.url, credentials) as (filesystem, path), filesystem.open(path, "rb") as file:
                content = file.read()
        except FileNotFoundError:
            problem = "must be a result that a worker wrote, got no such file. Check that the path is shared."
            raise DataFileMissingError(self.url, problem) from None
        except ImportError:
            raise
        except Exception as error:
            hint = "" if given or any(credentials) else " If it needs credentials, pass them: load(storage_options=…)."
            raise DataFileError(self.url, f"cannot be read: {type(error).__name__}: {error}.{hint}") from error
        try:
            return cloudpickle.loads(content)
        except Exception as error:
            problem = f"must be a pickled result, got a file that cannot be unpickled here: {error!r}."
            raise DataFileError(self.url, problem) from error


class ExtraFolder:
    """Writes results to files in a folder. Workers call it with a result; it returns an `ExtraFile`.

    It contains its credentials, and is sent only to workers, as a part of the function.

    Parameters
    ----------
    target : str
        A path, or a URL that fsspec supports.
    storage_options : mapping, optional
        Options of fsspec. The default is those passed to `note_target`.
    """

    def __init__(self, target: str, storage_options: Mapping[str, Any] | None = None) -> None:
        self.target = note_target(target, storage_options)
        self._credentials = _credentials_for(self.target.rstrip("/"))

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if any(self._credentials):
            _credentials[self.target.rstrip("/")] = self._credentials

    def __call__(self, result: Any) -> ExtraFile:
        # Learners with the same target may have the same points, so file names do not contain points.
        url = f"{self.target.rstrip('/')}/{uuid.uuid4().hex}.pickle"
        content = dumps_by_value(result)
        with _reaching(url, self._credentials) as (filesystem, path):
            filesystem.makedirs(path.rpartition("/")[0], exist_ok=True)
            with filesystem.open(path, "wb") as file:
                file.write(content)
        return ExtraFile(url)


def _reaching(url: str, credentials: Credentials) -> AbstractContextManager[tuple[Any, str]]:
    return reaching(join_userinfo(url, credentials.userinfo), credentials.options, 'extra="cluster"')
