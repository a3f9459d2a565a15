"""Storage of checkpoint files: a folder on a disk, or a URL that fsspec supports."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Protocol

from adaptive_dask.errors import CheckpointError
from adaptive_dask.storage.atomic_file import write_atomically
from adaptive_dask.url_secrets import hiding, secrets_in, without_secrets


class Folder(Protocol):
    """A folder of named files. Each file is written as a whole.

    Attributes
    ----------
    path : str
        Path for messages.
    can_append : bool
        Whether `open_log` returns a file for appending.
    is_atomic : bool
        Whether `write` replaces a file in one step.
    can_create : bool
        Whether `create` is exclusive: exactly one concurrent caller succeeds.
    """

    path: str
    can_append: bool
    is_atomic: bool
    can_create: bool

    def names(self) -> list[str]:
        """Return the names of the files; empty if the folder does not exist."""

    def read(self, name: str) -> bytes | None:
        """Return the content of a file, or None if it does not exist."""

    def write(self, name: str, content: bytes) -> None:
        """Write or replace a file."""

    def create(self, name: str, content: bytes) -> bool:
        """Write a file if it does not exist. Return whether it was written."""

    def remove(self, name: str) -> None:
        """Remove a file if it exists."""


def folder_at(path: Any) -> Folder:
    """Return the folder at a path or URL.

    Raises
    ------
    CheckpointError
        If `path` is not a path or URL, or cannot be accessed.
    """
    text = os.fspath(path) if not isinstance(path, str) else path
    if not isinstance(text, str) or not text:
        raise CheckpointError(repr(path), "must be the path of a folder, or a URL.")
    if "://" not in text or text.startswith(("file://", "local://")):
        return LocalFolder(text.partition("://")[2] or text)
    return RemoteFolder(text)


class LocalFolder:
    """A folder on a local or shared disk."""

    can_append = True
    is_atomic = True
    can_create = True

    def __init__(self, path: str) -> None:
        self.path = os.path.abspath(os.path.expanduser(path))

    def names(self) -> list[str]:
        try:
            return os.listdir(self.path)
        except FileNotFoundError:
            return []
        except NotADirectoryError:
            raise CheckpointError(self.path, "must be a folder, got a file. Use another path.") from None

    def read(self, name: str) -> bytes | None:
        try:
            with open(self._join(name), "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes) -> None:
        write_atomically(self._join(name), content)

    def create(self, name: str, content: bytes) -> bool:
        os.makedirs(self.path, exist_ok=True)
        try:
            file = open(self._join(name), "xb", buffering=0)  # noqa: SIM115  closed below, before it is removed
        except FileExistsError:
            return False
        try:
            with file:
                _write_all(file, content)
        except BaseException:
            self.remove(name)  # otherwise, others would wait for an incomplete lock
            raise
        return True

    def remove(self, name: str) -> None:
        with suppress(FileNotFoundError):
            os.remove(self._join(name))

    def open_log(self, name: str) -> GrowingFile:
        """Create a file for appending."""
        return GrowingFile(self._join(name))

    def _join(self, name: str) -> str:
        return os.path.join(self.path, name)


class GrowingFile:
    """A file for appending that is synchronised with the disk after each write.

    Attributes
    ----------
    size : int
        Size in bytes.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._file = open(path, "xb", buffering=0)  # noqa: SIM115  closed by its owner
        self.size = 0

    def append(self, contents: Iterable[bytes]) -> None:
        """Append, and wait until the data are on disk.

        Raises
        ------
        OSError
            If the write fails. A partial write is undone if possible, and the caller continues in another file.
        """
        sync = os.fsync if sys.platform == "darwin" else os.fdatasync
        size = self.size
        try:
            for content in contents:
                _write_all(self._file, content)
                size += len(content)
            sync(self._file.fileno())
        except OSError:
            with suppress(OSError):
                self._file.truncate(self.size)
            raise
        self.size = size

    def is_in_place(self) -> bool:
        """Return whether the path still refers to this file, with everything that was written."""
        try:
            found = os.stat(self.path)
        except FileNotFoundError:
            return False
        return os.path.samestat(found, os.fstat(self._file.fileno())) and found.st_size >= self.size

    def close(self) -> None:
        self._file.close()


def _write_all(file: io.FileIO, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[file.write(view) :]


class RemoteFolder:
    """A folder at a URL that fsspec supports."""

    can_append = False
    is_atomic = False  # true for object stores, but not for sftp, smb, ftp, hdfs and others
    can_create = False

    def __init__(self, url: str) -> None:
        import fsspec

        self.path = without_secrets(url)
        self._secrets = secrets_in(url)
        try:
            with self._reaching():
                self._files, root = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError) as error:
            raise CheckpointError(url, f"must be a URL that fsspec can open, got: {error}") from error
        except OSError as error:
            raise CheckpointError(
                url,
                f"must be reachable from this machine, got: {error}. Check the address, the "
                "credentials, and that the server is running.",
            ) from error
        self._root = root.rstrip("/")

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        """Convert exceptions of a file system to `OSError`, and hide passwords in their messages."""
        with hiding(self._secrets):
            try:
                yield
            except (OSError, ImportError, ValueError, NotImplementedError):
                raise
            except Exception as error:
                raise OSError(f"{type(error).__name__}: {error}") from error

    def names(self) -> list[str]:
        try:
            with self._reaching():
                self._files.invalidate_cache()
                listed = self._files.ls(self._root, detail=False)
        except FileNotFoundError:
            return []
        return [name.rstrip("/").rpartition("/")[2] for name in listed if name.rstrip("/") != self._root]

    def read(self, name: str) -> bytes | None:
        try:
            with self._reaching():
                content: bytes = self._files.cat_file(self._join(name))
        except FileNotFoundError:
            return None
        return content

    def write(self, name: str, content: bytes) -> None:
        with self._reaching():
            with suppress(NotImplementedError, FileExistsError):  # object stores have no folders
                self._files.makedirs(self._root, exist_ok=True)
            self._files.pipe_file(self._join(name), content)

    def create(self, name: str, content: bytes) -> bool:
        # Not exclusive: the lock is verified after it was written.
        if self.read(name) is not None:
            return False
        self.write(name, content)
        return True

    def remove(self, name: str) -> None:
        with suppress(FileNotFoundError), self._reaching():
            self._files.rm_file(self._join(name))

    def _join(self, name: str) -> str:
        return f"{self._root}/{name}"
