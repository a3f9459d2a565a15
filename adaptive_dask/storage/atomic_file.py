"""Write a file completely or not at all."""

from __future__ import annotations

import io
import os
import stat
import uuid
from contextlib import suppress


def write_atomically(path: str, content: bytes) -> None:
    """Write a file to disk, then move it into place in one step.

    Concurrent readers, and readers after a crash, see either the old file or the new one.

    Parameters
    ----------
    path : str
        Missing folders are created. A symbolic link is followed, not replaced. A device or a named pipe is written to,
        because moving a file there would remove it, such as ``/dev/null`` from the system.
    content : bytes

    Raises
    ------
    OSError
        If the file cannot be written. The old file is unchanged.
    """
    if _is_special(path):
        with open(path, "wb") as special:
            special.write(content)
        return
    path = os.path.realpath(path)
    folder, name = os.path.split(path)
    os.makedirs(folder, exist_ok=True)
    # In the same folder, because a file cannot be moved to another disk in one step.
    temporary = os.path.join(folder, f".{name[:100]}.{uuid.uuid4().hex}")
    try:
        with _create(temporary, path) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.remove(temporary)
        raise
    _sync_folder(folder)


def _is_special(path: str) -> bool:
    """Return True if a file exists and is not a regular one, but a device, a named pipe or a folder."""
    with suppress(OSError):
        return not stat.S_ISREG(os.stat(path).st_mode)
    return False


def _create(temporary: str, path: str) -> io.BufferedWriter:
    """Create a file with the permissions of the file that it will replace, before anything is written to it."""
    try:
        old = os.stat(path)
    except FileNotFoundError:
        return open(temporary, "xb")
    private = stat.S_IRUSR | stat.S_IWUSR
    file = open(temporary, "xb", opener=lambda name, flags: os.open(name, flags, private))  # noqa: SIM115
    # Before any content is written. Some systems lack these calls, and not every group can be set.
    with suppress(OSError, AttributeError):
        os.fchown(file.fileno(), -1, old.st_gid)
    with suppress(OSError, AttributeError):
        os.fchmod(file.fileno(), stat.S_IMODE(old.st_mode))
    return file


def _sync_folder(folder: str) -> None:
    """Write the new name to disk too, if the file system supports it."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
