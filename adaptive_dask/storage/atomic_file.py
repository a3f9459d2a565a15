"""Write a file so that it is there as a whole or not at all."""

from __future__ import annotations

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
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            with suppress(FileNotFoundError):
                os.fchmod(file.fileno(), stat.S_IMODE(os.stat(path).st_mode))  # who may read the old one may read this
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.remove(temporary)
        raise
    _sync_folder(folder)


def _sync_folder(folder: str) -> None:
    """Have the new name on the disk too, where the file system knows such a thing."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
