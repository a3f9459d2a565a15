"""Datasets of learners as Zarr stores."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from adaptive_dask.missing_module import needed
from adaptive_dask.storage.dataset_columns import storable
from adaptive_dask.storage.grids import to_xarray
from adaptive_dask.storage.urls import local_path, reaching

# The files of which a Zarr store has at least one.
_MARKS = {"zarr.json", ".zgroup", ".zmetadata"}


def to_zarr(
    learner: Any,
    url: str | os.PathLike[str],
    n: Any = None,
    *,
    storage_options: Mapping[str, Any] | None = None,
    **options: Any,
) -> None:
    """Write a learner's data, or their interpolation on a grid, to a Zarr store.

    Parameters
    ----------
    learner : BaseLearner
    url : str or path
        A folder, or a URL that fsspec supports (``"s3://bucket/scan.zarr"``). The store is written to a temporary
        folder and then renamed, so that it is never incomplete. An existing Zarr store is replaced.
    n : optional
    storage_options : mapping, optional
        Options of fsspec, such as credentials.
    **options
        As for `adaptive_dask.storage.grids.to_xarray`. With ``chunks``, Dask computes and writes the chunks in
        parallel.

    Raises
    ------
    ImportError
        If xarray or zarr is not installed.
    FileExistsError
        If `url` exists and is not a Zarr store.
    TypeError
        If a value cannot be written.
    OSError
        If the store cannot be written. An existing store is not changed.

    Notes
    -----
    ``xarray.open_zarr(url, consolidated=False)`` opens the store. ``learner.load_dataframe`` accepts the result, if the
    store has the evaluated points.
    """
    dataset = to_xarray(learner, n, **options)
    with needed("Zarr stores need zarr", '"adaptive_dask[data]"'):
        import zarr  # noqa: F401
    dataset = storable(dataset)
    path = local_path(url)
    if path is not None:
        _write_local(dataset, path)
    else:
        _write_remote(dataset, os.fspath(url), storage_options)


def _write(dataset: Any, store: Any, storage_options: Mapping[str, Any] | None = None) -> None:
    # Consolidated metadata are not part of the Zarr format.
    dataset.to_zarr(store, mode="w-", consolidated=False, storage_options=storage_options)


def _write_local(dataset: Any, path: str) -> None:
    path = os.path.realpath(path)
    folder, name = os.path.split(path)
    if os.path.exists(path):
        _check_replaceable(path, os.listdir(path) if os.path.isdir(path) else None)
    os.makedirs(folder, exist_ok=True)
    temporary, old = (os.path.join(folder, f".{name[:100]}.{uuid.uuid4().hex}") for _ in range(2))
    try:
        _write(dataset, temporary)
        with suppress(FileNotFoundError):
            os.rename(path, old)
        try:
            os.rename(temporary, path)
        except BaseException:
            with suppress(OSError):
                os.rename(old, path)
            raise
    finally:
        for leftover in (temporary, old):
            shutil.rmtree(leftover, ignore_errors=True)


def _write_remote(dataset: Any, url: str, storage_options: Mapping[str, Any] | None) -> None:
    url = url.rstrip("/")
    address, _, query = url.partition("?")
    mark = uuid.uuid4().hex
    with reaching(url, storage_options, "Writing to a URL") as (files, target):
        target = target.rstrip("/")
        if files.exists(target):
            listed = files.ls(target, detail=False) if files.isdir(target) else None
            _check_replaceable(target, None if listed is None else [name.rpartition("/")[2] for name in listed])
        folder, _, name = address.rpartition("/")
        temporary_url = f"{folder}/.{name}.{mark}" + (f"?{query}" if query else "")
        temporary = f"{target.rpartition('/')[0]}/.{target.rpartition('/')[2]}.{mark}"
        try:
            _write(dataset, temporary_url, dict(storage_options) if storage_options else None)
            files.invalidate_cache()
            if files.exists(target):
                files.rm(target, recursive=True)
            files.mv(temporary, target, recursive=True)
        except BaseException:
            with suppress(Exception):
                files.rm(temporary, recursive=True)
            raise


def _check_replaceable(path: str, names: list[str] | None) -> None:
    if names is None or (names and not _MARKS & set(names)):
        what = "a file" if names is None else f"a folder with other files ({sorted(names)[0]!r})"
        raise FileExistsError(f"{path} must be a Zarr store or not exist, got {what}. Use another name.")
