"""Where the files of a checkpoint are: a folder on a disk, or anything that fsspec knows."""

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
    """Named files, each of which is written as a whole.

    Attributes
    ----------
    path : str
        For messages.
    can_append : bool
        Whether `open_log` gives a file that grows.
    is_atomic : bool
        Whether a file is known to be put in place in one step.
    can_create : bool
        Whether of several who `create` the same file at once one does, and knows it.
    """

    path: str
    can_append: bool
    is_atomic: bool
    can_create: bool

    def names(self) -> list[str]:
        """The files that there are; none in a folder that is not there."""

    def read(self, name: str) -> bytes | None:
        """A file's content; None if there is no such file."""

    def write(self, name: str, content: bytes) -> None:
        """Put a file in place, or replace it."""

    def create(self, name: str, content: bytes) -> bool:
        """Put a file in place if there is none; says whether it did."""

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""


def folder_at(path: Any) -> Folder:
    """The folder at a path or URL.

    Raises
    ------
    CheckpointError
        If there can be none.
    """
    text = os.fspath(path) if not isinstance(path, str) else path
    if not isinstance(text, str) or not text:
        raise CheckpointError(repr(path), "expected the name of a folder, or a URL.")
    if "://" not in text or text.startswith(("file://", "local://")):
        return LocalFolder(text.partition("://")[2] or text)
    return RemoteFolder(text)


class LocalFolder:
    """A folder on a disk, which may be shared by several machines."""

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
            raise CheckpointError(self.path, "expected a folder, found a file. Name another one.") from None

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
            self.remove(name)  # or half a lock would have to be waited for
            raise
        return True

    def remove(self, name: str) -> None:
        with suppress(FileNotFoundError):
            os.remove(self._join(name))

    def open_log(self, name: str) -> GrowingFile:
        """A new file to append to."""
        return GrowingFile(self._join(name))

    def _join(self, name: str) -> str:
        return os.path.join(self.path, name)


class GrowingFile:
    """A file that is appended to, and on the disk after each time.

    Attributes
    ----------
    size : int
        In bytes.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._file = open(path, "xb", buffering=0)  # noqa: SIM115  closed by its owner
        self.size = 0

    def append(self, contents: Iterable[bytes]) -> None:
        """Append, and wait until the disk has it.

        Raises
        ------
        OSError
            What was written of it is taken away again, if that is possible: the owner tries again elsewhere.
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
        """Whether the file of this name is still this one, with all that was written."""
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
    """A folder of a file system that fsspec knows, by its URL."""

    can_append = False
    is_atomic = False  # with object stores it is, but not with sftp, smb, ftp, hdfs and others
    can_create = False

    def __init__(self, url: str) -> None:
        import fsspec

        self.path = without_secrets(url)
        self._secrets = secrets_in(url)
        try:
            with self._reaching():
                self._files, root = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError) as error:
            raise CheckpointError(url, f"expected a URL that fsspec can open, found that it cannot: {error}") from error
        except OSError as error:
            raise CheckpointError(
                url,
                f"expected a place that can be reached from this machine, found: {error}. Check the address, the "
                "credentials, and that the server is running.",
            ) from error
        self._root = root.rstrip("/")

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        """Whatever a file system raises is an `OSError`, and says nothing of passwords."""
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
            with suppress(NotImplementedError, FileExistsError):  # where folders are only parts of names
                self._files.makedirs(self._root, exist_ok=True)
            self._files.pipe_file(self._join(name), content)

    def create(self, name: str, content: bytes) -> bool:
        # Not in one step: the lock looks again after it has written.
        if self.read(name) is not None:
            return False
        self.write(name, content)
        return True

    def remove(self, name: str) -> None:
        with suppress(FileNotFoundError), self._reaching():
            self._files.rm_file(self._join(name))

    def _join(self, name: str) -> str:
        return f"{self._root}/{name}"
