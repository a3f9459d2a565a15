"""Results that stay on the workers' side: each in a file, at any place that fsspec can reach."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import cloudpickle

from adaptive_dask.errors import DataFileError, DataFileMissingError


@dataclass(frozen=True)
class ExtraFile:
    """A reference to a result in a file.

    Attributes
    ----------
    url : str
    storage_options : mapping
        What fsspec needs to reach it.
    """

    url: str
    storage_options: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def load(self) -> Any:
        """Read the result.

        Raises
        ------
        DataFileMissingError, DataFileError
            If the file is not there, or is not what was written.
        """
        filesystem, path = _filesystem(self.url, self.storage_options)
        try:
            with filesystem.open(path, "rb") as file:
                content = file.read()
        except FileNotFoundError:
            problem = "expected a result that a worker wrote, found no such file. Is it a path on the worker only?"
            raise DataFileMissingError(self.url, problem) from None
        try:
            return cloudpickle.loads(content)
        except Exception as error:
            problem = f"expected a pickled result, found a file that cannot be unpickled here: {error!r}."
            raise DataFileError(self.url, problem) from error


class ExtraFolder:
    """Writes results to files in a folder; called on workers, with a result, it returns an `ExtraFile`.

    Parameters
    ----------
    target : str
        A path, or a URL that fsspec knows.
    storage_options : mapping, optional
    """

    def __init__(self, target: str, storage_options: Mapping[str, Any] | None = None) -> None:
        self.target = target
        self.storage_options = dict(storage_options or {})

    def __call__(self, result: Any) -> ExtraFile:
        # Points may be the same for several learners with one target, so files are not named after them.
        url = f"{self.target.rstrip('/')}/{uuid.uuid4().hex}.pickle"
        filesystem, path = _filesystem(url, self.storage_options)
        content = cloudpickle.dumps(result)
        filesystem.makedirs(path.rpartition("/")[0], exist_ok=True)
        with filesystem.open(path, "wb") as file:
            file.write(content)
        return ExtraFile(url, self.storage_options)


def _filesystem(url: str, storage_options: Mapping[str, Any]) -> tuple[Any, str]:
    try:
        from fsspec.core import url_to_fs
    except ImportError as error:
        raise ImportError(
            'extra="cluster" needs fsspec, which comes with Dask and is not installed here: pip install fsspec.'
        ) from error
    filesystem, path = url_to_fs(url, **storage_options)
    return filesystem, path
