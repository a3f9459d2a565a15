"""Data frames of learners as Parquet files."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from typing import Any

from adaptive_dask.missing_module import needed
from adaptive_dask.storage.encoded_columns import encoded
from adaptive_dask.storage.frames import to_dataframe
from adaptive_dask.storage.urls import write_file


def to_parquet(
    learner: Any,
    url: str | os.PathLike[str],
    *,
    storage_options: Mapping[str, Any] | None = None,
    **options: Any,
) -> None:
    """Write a learner's data to a Parquet file: a row for each evaluation.

    Parameters
    ----------
    learner : BaseLearner
    url : str or path
        A file, or a URL that fsspec supports (``"s3://bucket/scan.parquet"``). It is written atomically, and replaced
        if it exists.
    storage_options : mapping, optional
        Options of fsspec, such as credentials.
    **options
        As for `to_dataframe`.

    Raises
    ------
    ImportError
        If pandas or pyarrow is not installed.
    TypeError
        If a value or an argument of the function cannot be written.
    OSError
        If the file cannot be written. An existing file is not changed.

    Notes
    -----
    ``learner.load_dataframe(pandas.read_parquet(url))`` tells a learner the same data. Other programs can read numbers,
    text, arrays (as lists) and complex numbers (as lists of real and imaginary part); other objects are text in JSON.
    """
    write_frame(to_dataframe(learner, **options), url, storage_options)


def write_frame(df: Any, url: str | os.PathLike[str], storage_options: Mapping[str, Any] | None = None) -> None:
    """Write a result of `to_dataframe`, as `to_parquet` does."""
    with needed("Parquet files need pyarrow", '"adaptive_dask[data]"'):
        import pyarrow  # noqa: F401
    file = io.BytesIO()
    encoded(df).to_parquet(file, engine="pyarrow", index=False)
    write_file(url, file.getvalue(), storage_options)
