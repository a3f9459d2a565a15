"""The working folder of each evaluation."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# The file in each folder with the point and the state of the program.
RECORD = "adaptive_point.json"

MAX_NAME = 80


def create(base: str, point: Any) -> Path:
    """Create a new folder for a point; its name begins with the point.

    Raises
    ------
    OSError
        If the folder cannot be created.
    """
    os.makedirs(base, exist_ok=True)
    while True:
        folder = Path(base, f"{_prefix(point)}{secrets.token_hex(4)}").absolute()
        try:
            folder.mkdir()
        except FileExistsError:  # the name is not used yet
            continue
        return folder


def find(base: str, point: Any) -> list[Path]:
    """Return the folders of a point, oldest first."""
    prefix = _prefix(point)
    found = [each for each in _folders(base) if each.name.startswith(prefix) and _point_of(each) in (None, repr(point))]
    return sorted(found, key=lambda folder: folder.stat().st_mtime)


def _point_of(folder: Path) -> str | None:
    found = _read(folder).get("point")
    return None if found is None else str(found)


def _read(folder: Path) -> dict[str, Any]:
    try:
        known = json.loads((folder / RECORD).read_text())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _folders(base: str) -> Iterator[Path]:
    try:
        yield from (Path(entry.path).absolute() for entry in os.scandir(base) if entry.is_dir())
    except FileNotFoundError:
        return


def _prefix(point: Any) -> str:
    values = point if isinstance(point, tuple) else (point,)
    text = ",".join(str(value) for value in values)
    return re.sub(r"[^\w.,+-]", "_", text)[:MAX_NAME] + "_"


def record(folder: Path, point: Any, **contents: Any) -> None:
    """Write the point of a folder, the time and place of the start of its program, and its state."""
    begin = {"point": repr(point), "host": socket.gethostname(), "time": time.time()}
    before = _read(folder)
    known = {**begin, **before, **contents}
    if known != before:
        write_whole(folder / RECORD, known)


def write_whole(path: Path, contents: Any) -> None:
    """Write a file of JSON atomically, even if several processes write it.

    Raises
    ------
    OSError
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    temporary.write_text(json.dumps(contents, indent=1, default=repr) + "\n")
    os.replace(temporary, path)


def remove(folder: Path) -> None:
    """Remove a folder, except for files that cannot be removed."""
    shutil.rmtree(folder, ignore_errors=True)
