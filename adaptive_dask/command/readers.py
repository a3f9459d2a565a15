"""Readers of values from the files of a program."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

Parse = Callable[[Path], Any] | Sequence[Any] | None


def make_parser(parse: Parse) -> Callable[[Path], Any]:
    """Return a function that reads a value from a folder.

    Raises
    ------
    ValueError, TypeError
        If `parse` is neither a function nor a reader with its arguments.
    """
    if parse is None:
        return read_number
    if callable(parse):
        return parse
    if isinstance(parse, str) or not isinstance(parse, Sequence) or not parse or not isinstance(parse[0], str):
        raise TypeError(f"parse must be a function of the folder, or a tuple such as ('json', 'out.json', 'y'): {HELP}")
    name, *arguments = parse
    if name not in READERS:
        raise ValueError(f"parse must begin with one of {', '.join(map(repr, READERS))}, got {name!r}: {HELP}")
    least, most = READERS[name][1]
    if not least <= len(arguments) <= most:
        raise ValueError(f"parse has the wrong number of arguments for {name!r}, got {parse!r}: {HELP}")
    if name == "regex":
        re.compile(arguments[1])
    return _Reader(name, tuple(arguments))


class _Reader:
    def __init__(self, name: str, arguments: tuple[Any, ...]) -> None:
        self._name = name
        self._arguments = arguments

    def __call__(self, folder: Path) -> Any:
        file, *rest = self._arguments
        return READERS[self._name][0](folder / file, *rest)

    def __repr__(self) -> str:
        return repr((self._name, *self._arguments))


def read_number(folder: Path) -> float:
    """Return the number that the program has printed."""
    text = (folder / "stdout.txt").read_text(errors="replace")
    try:
        return float(text)
    except ValueError:
        raise ValueError(
            f"The program must print a number if parse= is not given, got {text[-200:]!r} on standard output."
        ) from None


def _read_json(path: Path, where: Any = ()) -> Any:
    value = json.loads(path.read_text())
    for key in [where] if isinstance(where, str | int) else where:
        value = value[key]
    return value


def _read_csv(path: Path, column: str | int) -> Any:
    import numpy as np

    with path.open(newline="") as file:
        rows = [row for row in csv.reader(file) if row]
    if isinstance(column, str):
        head, *rows = [[cell.strip() for cell in row] for row in rows]
        if column not in head:
            raise ValueError(f"{path.name} must have a column {column!r}, got {head!r}.")
        column = head.index(column)
    numbers = [float(row[column]) for row in rows]
    return numbers[0] if len(numbers) == 1 else np.array(numbers)


def _read_numpy(path: Path, name: str | None = None) -> Any:
    import numpy as np

    if path.suffix not in (".npy", ".npz"):
        value = np.loadtxt(path)
    elif name is None:
        value = np.load(path)
    else:
        with np.load(path) as arrays:
            return arrays[name][()]
    if not isinstance(value, np.ndarray):
        raise ValueError(f"{path.name} contains several arrays: give the name of one, as in ('numpy', 'a.npz', 'y').")
    return value[()]


def _read_regex(path: Path, pattern: str) -> Any:
    found = None
    for found in re.finditer(pattern, path.read_text(errors="replace"), re.MULTILINE):  # noqa: B007  the last one
        pass
    if found is None:
        raise ValueError(f"{path.name} must have a match of {pattern!r}, got none.")
    groups = found.groups() or (found.group(),)
    # Fortran writes exponents with D.
    numbers = tuple(float(re.sub("[dD]", "e", group)) for group in groups)
    return numbers[0] if len(numbers) == 1 else numbers


# The readers, with the minimum and maximum number of their arguments.
READERS: dict[str, tuple[Callable[..., Any], tuple[int, int]]] = {
    "json": (_read_json, (1, 2)),
    "csv": (_read_csv, (2, 2)),
    "numpy": (_read_numpy, (1, 2)),
    "regex": (_read_regex, (2, 2)),
}

HELP = (
    "('json', file, key or keys), ('csv', file, column), ('numpy', file) or ('numpy', file, name of an array), "
    "('regex', file, pattern with a group)."
)
