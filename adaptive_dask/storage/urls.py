"""Files at a path or at any URL that fsspec supports; no error contains credentials."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from adaptive_dask.missing_module import needed
from adaptive_dask.storage.atomic_file import write_atomically
from adaptive_dask.url_secrets import hiding, secrets_in


@contextmanager
def reaching(url: str, storage_options: Mapping[str, Any] | None, need: str) -> Iterator[tuple[Any, str]]:
    """Yield the file system of a URL and the path there.

    Parameters
    ----------
    url : str
        URL, with user and password if necessary.
    storage_options : mapping, optional
        Options of fsspec.
    need : str
        Description of the feature that needs fsspec, for the message.

    Raises
    ------
    ImportError
        If fsspec, or a package that it needs for this kind of URL, is not installed.
    Exception
        Errors of the file system and of the block, without user names, passwords and options.
    """
    with needed(f"{need} needs fsspec, which comes with Dask", "fsspec"):
        from fsspec.core import url_to_fs
    options = dict(storage_options or {})
    with hiding(secrets_in(url, options)):
        filesystem, path = url_to_fs(url, **options)
        yield filesystem, path


def local_path(url: str | os.PathLike[str]) -> str | None:
    """Return the path of a local file, or None for other URLs.

    Raises
    ------
    TypeError, ValueError
        If `url` is neither a path nor a URL.
    """
    text = os.fspath(url)
    if not isinstance(text, str):
        raise TypeError(f"url must be a path or a URL as text, got {text!r}.")
    if not text:
        raise ValueError("url must be a path or a URL, got an empty text.")
    if "::" in text or ("://" in text and not text.startswith(("file://", "local://"))):
        return None
    return os.path.abspath(os.path.expanduser(text.partition("://")[2] or text))


def write_file(url: str | os.PathLike[str], content: bytes, storage_options: Mapping[str, Any] | None = None) -> None:
    """Write a file completely or not at all.

    Parameters
    ----------
    url : str or path
        Folders are created.
    content : bytes
    storage_options : mapping, optional
        Options of fsspec.

    Raises
    ------
    OSError
        If the file cannot be written. An existing file is not changed.
    """
    path = local_path(url)
    if path is not None:
        write_atomically(path, content)
        return
    with reaching(os.fspath(url), storage_options, "Writing to a URL") as (files, target):
        folder, _, name = target.rpartition("/")
        with suppress(NotImplementedError, FileExistsError):  # object stores have no folders
            files.makedirs(folder, exist_ok=True)
        temporary = f"{folder}/.{name}.{uuid.uuid4().hex}"
        try:
            files.pipe_file(temporary, content)
            files.mv(temporary, target)
        except BaseException:
            with suppress(Exception):
                files.rm_file(temporary)
            raise
