"""Write a file so that it is there as a whole or not at all."""

from __future__ import annotations

import io
import os
import stat
import uuid
from contextlib import suppress


def write_atomically(path: str, content: bytes) -> None:
    """Put a file in place in one step, and on the disk before that.

    Whoever reads meanwhile, and whatever is left after a crash, is the old file or the new one.

    Parameters
    ----------
    path : str
        Folders that are not there are created. A link is followed, not replaced.
    content : bytes

    Raises
    ------
    OSError
        If the file cannot be written. The old file is as it was then.
    """
    path = os.path.realpath(path)
    folder, name = os.path.split(path)
    os.makedirs(folder, exist_ok=True)
    # In the same folder, for a file cannot be moved to another disk in one step.
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


def _create(temporary: str, path: str) -> io.BufferedWriter:
    """Create a file that nobody may read at any moment who may not read the one whose place it is to take."""
    try:
        old = os.stat(path)
    except FileNotFoundError:
        return open(temporary, "xb")
    private = stat.S_IRUSR | stat.S_IWUSR
    file = open(temporary, "xb", opener=lambda name, flags: os.open(name, flags, private))  # noqa: SIM115
    # Before there is anything to read. Some systems have neither, and not every group can be given.
    with suppress(OSError, AttributeError):
        os.fchown(file.fileno(), -1, old.st_gid)
    with suppress(OSError, AttributeError):
        os.fchmod(file.fileno(), stat.S_IMODE(old.st_mode))
    return file


def _sync_folder(folder: str) -> None:
    """Have the new name on the disk too, where the file system knows such a thing."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
