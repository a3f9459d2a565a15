"""Cells of a data frame after a text file, in which pandas infers the types and takes some words for missing values."""

from __future__ import annotations

import math
from typing import Any

from adaptive_dask.learner.value_text import text_of_value
from adaptive_dask.storage.frame_layouts import as_it_is
from adaptive_dask.storage.vector_text import as_cell, is_plain_array

# The words that ``pandas.read_csv`` takes for missing values.
_MISSING = {
    *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA"),
    *("NULL", "NaN", "None", "n/a", "nan", "null"),
}
_TRUTH = {"true": True, "false": False}


def as_word(text: str) -> str:
    """Return a text that `of_word` recognizes in a text file: in quotes if pandas would take it for another object."""
    return f"'{text}'" if _is_another(text.strip("'")) else text


def of_word(cell: Any) -> str:
    """Undo `as_word`, also for cells that pandas has converted. A missing cell is empty text."""
    if not isinstance(cell, str):
        return _text_of(cell)
    is_quoted = len(cell) > 1 and cell[0] == cell[-1] == "'" and _is_another(cell.strip("'"))
    return cell[1:-1] if is_quoted else cell


def are_same(a: Any, b: Any) -> bool:
    """Return whether two cells contain the same object, possibly after a text file."""
    if a is b or (is_missing(a) and is_missing(b)):
        return True
    if isinstance(a, str) != isinstance(b, str):
        text, other = (a, b) if isinstance(a, str) else (b, a)
        read = _as_read(text)
        return text in (str(as_cell(other)), str(other)) or (not isinstance(read, str) and are_same(read, other))
    if _is_fast(a) and _is_fast(b) and (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes()):
        return True
    try:
        if a == b:
            return True
    except (TypeError, ValueError):  # arrays, or pandas.NA
        pass
    return text_of_value(as_it_is(a)) == text_of_value(as_it_is(b))


def is_missing(value: Any) -> bool:
    """Return whether a value is an empty cell in a text file: None, NaN, pandas.NA or NaT."""
    if value is None:
        return True
    try:
        return bool(value != value)
    except (TypeError, ValueError):
        return type(value).__name__ == "NAType"


def _is_fast(value: Any) -> bool:
    """Return True for arrays whose bytes can be compared, which is faster than to compare their texts."""
    return is_plain_array(value) and not value.dtype.hasobject


def _is_another(text: str) -> bool:
    return _text_of(_as_read(text)) != text


def _as_read(text: str) -> Any:
    """Return the object that pandas makes of a text: NaN, a truth value or a number; otherwise the text."""
    if text in _MISSING:
        return math.nan
    try:
        return _TRUTH[text.lower()] if text.lower() in _TRUTH else float(text)
    except ValueError:
        return text


def _text_of(cell: Any) -> str:
    """Return the text of which pandas makes a cell; in a column with gaps, whole numbers are floats."""
    if isinstance(cell, float):
        return "" if cell != cell else str(int(cell)) if cell.is_integer() else repr(cell)
    return str(cell) if isinstance(cell, str | int) else ""
