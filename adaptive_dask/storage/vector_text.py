"""Vectors and complex numbers in the cells of a data frame. pandas writes them to text files with ``str``."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

_NUMPY_SCALAR = re.compile(r"\b(?:np|numpy)\.\w+\(([^()]*)\)")
_COMPLEX = re.compile(r"[-+\d.enaif]*[\dnf.]j|\([-+\d.enaif]*[\dnf.]j\)")
_TOKEN = re.compile(rf"{_COMPLEX.pattern}|[\[\]()]|[^\s,\[\]()]+")
_OPENING, _CLOSING = "[(", "])"
_BOOLEANS = {"True": True, "False": False}


class Vector(np.ndarray[Any, Any]):
    """An array whose text contains all entries with all digits, so it survives a CSV file."""

    def __str__(self) -> str:
        return str(self.tolist())

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        # The result of a computation is a plain array or a scalar.
        plain = np.asarray(array)
        return plain[()] if return_scalar else plain


def is_plain_array(value: Any) -> bool:
    """Return True for arrays that consist of their elements, unlike masked arrays and arrays with units."""
    return type(value) is np.ndarray or isinstance(value, Vector)


def as_cell(value: Any) -> Any:
    """Return the value, converted to a `Vector` if it is an array of numbers."""
    if type(value) is np.ndarray and value.ndim and value.dtype.kind in "buifc":
        return value.view(Vector)
    return value


def as_value(cell: Any) -> Any:
    """Return the value of a cell or of its text: the ``str`` of a complex number, list, tuple or plain array.

    Raises
    ------
    ValueError
        If the text does not contain all entries.
    """
    if isinstance(cell, Vector):
        return np.asarray(cell)
    if not isinstance(cell, str):
        return cell
    if _COMPLEX.fullmatch(cell):
        try:
            return complex(cell)
        except ValueError:
            return cell  # another kind of text
    if cell.strip()[:1] not in ("[", "("):
        return cell
    if "..." in cell:
        raise ValueError(
            f"A vector must have all its entries, got the abbreviated text {cell[:60]!r}. Save the data in another way."
        )
    try:
        return np.array(_parsed(_NUMPY_SCALAR.sub(r"\1", cell)))
    except ValueError:
        return cell  # another kind of text


def _parsed(text: str) -> list[Any]:
    """Parse a text in brackets as a nested list of numbers."""
    open_lists: list[list[Any]] = [[]]
    for token in _TOKEN.findall(text):
        if token in _OPENING:
            open_lists.append([])
        elif token in _CLOSING:
            if len(open_lists) == 1:
                raise ValueError(text)
            done = open_lists.pop()
            open_lists[-1].append(done)
        else:
            open_lists[-1].append(_number(token))
    if len(open_lists) > 1 or len(open_lists[0]) != 1:
        raise ValueError(text)
    found: list[Any] = open_lists[0][0]
    return found


def _number(token: str) -> float | complex | bool:
    if token in _BOOLEANS:
        return _BOOLEANS[token]
    if token.endswith(("j", "j)")):
        return complex(token)
    return int(token) if token.lstrip("+-").isdigit() else float(token)
