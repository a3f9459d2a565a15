"""Results that stay on the workers' side: each in a file, at any place that fsspec can reach."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import cloudpickle

from adaptive_dask.errors import DataFileError, DataFileMissingError
from adaptive_dask.learner.by_value import dumps_by_value
from adaptive_dask.url_secrets import hiding, join_userinfo, secrets_in, split_userinfo


class Credentials(NamedTuple):
    """What it takes to reach a place: options of fsspec, and the user and password of the URL."""

    options: Mapping[str, Any]
    userinfo: str


# By target, for this process: so references and learners need not carry any into files, checkpoints, and other clients.
_credentials: dict[str, Credentials] = {}


def note_target(target: str, storage_options: Mapping[str, Any] | None) -> str:
    """Note how a target is reached from this process; returns it without user and password."""
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
        Without user and password.
    storage_options : mapping
        What fsspec needs to reach it, if that is not what a `DataSaver` in this process has for its target. It is not
        pickled with the reference.
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
            What fsspec needs to reach the file, in a process that has no `DataSaver` with the same target and its
            options.

        Raises
        ------
        DataFileMissingError, DataFileError
            If the file is not there, cannot be reached, or is not what was written.
        """
        given = storage_options or self.storage_options
        credentials = Credentials(given, "") if given else _credentials_for(self.url)
        try:
            with _reaching(self.url, credentials) as (filesystem, path), filesystem.open(path, "rb") as file:
                content = file.read()
        except FileNotFoundError:
            problem = "expected a result that a worker wrote, found no such file. Is it a path on the worker only?"
            raise DataFileMissingError(self.url, problem) from None
        except ImportError:
            raise
        except Exception as error:
            hint = "" if given or any(credentials) else " If it takes credentials, give them: load(storage_options=…)."
            raise DataFileError(
                self.url, f"the result cannot be read: {type(error).__name__}: {error}.{hint}"
            ) from error
        try:
            return cloudpickle.loads(content)
        except Exception as error:
            problem = f"expected a pickled result, found a file that cannot be unpickled here: {error!r}."
            raise DataFileError(self.url, problem) from error


class ExtraFolder:
    """Writes results to files in a folder; called on workers, with a result, it returns an `ExtraFile`.

    It travels with its credentials, as a part of the function that is sent to workers, and to nobody else.

    Parameters
    ----------
    target : str
        A path, or a URL that fsspec knows.
    storage_options : mapping, optional
        Those that `note_target` was told by default.
    """

    def __init__(self, target: str, storage_options: Mapping[str, Any] | None = None) -> None:
        self.target = note_target(target, storage_options)
        self._credentials = _credentials_for(self.target.rstrip("/"))

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if any(self._credentials):
            _credentials[self.target.rstrip("/")] = self._credentials

    def __call__(self, result: Any) -> ExtraFile:
        # Points may be the same for several learners with one target, so files are not named after them.
        url = f"{self.target.rstrip('/')}/{uuid.uuid4().hex}.pickle"
        content = dumps_by_value(result)
        with _reaching(url, self._credentials) as (filesystem, path):
            filesystem.makedirs(path.rpartition("/")[0], exist_ok=True)
            with filesystem.open(path, "wb") as file:
                file.write(content)
        return ExtraFile(url)


@contextmanager
def _reaching(url: str, credentials: Credentials) -> Iterator[tuple[Any, str]]:
    """The file system of a URL, and the path there; errors say nothing of the credentials."""
    try:
        from fsspec.core import url_to_fs
    except ImportError as error:
        raise ImportError(
            'extra="cluster" needs fsspec, which comes with Dask and is not installed here: pip install fsspec.'
        ) from error
    full = join_userinfo(url, credentials.userinfo)
    with hiding(secrets_in(full, credentials.options)):
        filesystem, path = url_to_fs(full, **credentials.options)
        yield filesystem, path
