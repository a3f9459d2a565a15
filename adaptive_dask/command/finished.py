"""Programs that have finished, which are found by their arguments, inputs and environment.

A marker file is written when a program has ended, with its folder and its exit code. Markers are found by name, because
listing folders with many thousands of entries takes long.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import stat
from pathlib import Path
from typing import Any

from adaptive_dask.command.folders import write_whole
from adaptive_dask.command.templates import Filled

# The folder of the markers, beside the working folders.
MARKERS = ".finished"


def make_key(point: Any, filled: Filled) -> str:
    """Return the name of the marker of a program.

    Parameters
    ----------
    point : object
    filled : Filled
        The program, with a placeholder for the working folder.
    """
    inputs = {name: hashlib.sha256(contents).hexdigest() for name, contents in filled.inputs.items()}
    program, *_ = filled.arguments
    files = [shutil.which(program, path=filled.environment.get("PATH")) or program, *filled.arguments]
    parts = (
        repr(point),
        filled.arguments,
        sorted(filled.environment.items()),
        sorted(inputs.items()),
        [_describe_file(each) for each in files],
    )
    return hashlib.sha256(repr(parts).encode("utf-8", "backslashreplace")).hexdigest()


def _describe_file(path: str) -> tuple[int, int] | None:
    """Return the size and the time of the last change of a file such as the program, which affect results."""
    if not os.path.isabs(path):
        return None
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return (found.st_size, found.st_mtime_ns) if stat.S_ISREG(found.st_mode) else None


def note(base: str, key: str, folder: Path, code: int) -> None:
    """Write the marker of a program that has ended. Errors are ignored, because the program can run again."""
    path = _path_of(base, key)
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, {"folder": folder.name, "exit_code": code})


def find(base: str, key: str) -> tuple[Path, int] | None:
    """Return the working folder and the exit code of a program that has finished, if its folder exists."""
    try:
        marker = json.loads(_path_of(base, key).read_text())
        folder, code = Path(base, str(marker["folder"])).absolute(), int(marker["exit_code"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return (folder, code) if folder.is_dir() else None


def _path_of(base: str, key: str) -> Path:
    return Path(base, MARKERS, key)
