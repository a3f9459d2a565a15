"""Encode plain objects as text in JSON exactly, including None, NaN, complex numbers, tuples, sets and arrays.

Lists, text, booleans, None, integers and finite numbers are those of JSON. Other objects are JSON objects with one key
for their kind: ``{"tuple": [1, 2]}``. Unlike pickles, the text is not executed when it is read.
"""

from __future__ import annotations

import base64
import json
import math
from typing import Any

import numpy as np

from adaptive_dask.storage.vector_text import is_plain_array

# How a column of text in JSON is marked.
ENCODED, JSON = "encoded", "json"

# The kinds of NumPy's types without references to objects.
_ARRAYS = "biufcSUmM"


def as_json(value: Any) -> str:
    """Encode an object as text.

    Raises
    ------
    TypeError
        If the object has a part of an unsupported type.
    """
    return json.dumps(_packed(value), allow_nan=False)


def from_json(text: str) -> Any:
    """Decode the text of an object.

    Raises
    ------
    ValueError
        If the text was not made by `as_json`.
    """
    try:
        return _unpacked(json.loads(text))
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"A cell must contain text of as_json, got {str(text)[:60]!r}.") from error


def is_utf8(text: str) -> bool:
    """Return whether a file can contain a text, which may have lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def objects(cells: list[Any]) -> Any:
    """Return an array of shape (n,) of unchanged objects."""
    array = np.empty(len(cells), dtype=object)
    for k, cell in enumerate(cells):  # one by one, because NumPy would combine arrays of one shape
        array[k] = cell
    return array


def _packed(value: Any) -> Any:
    kind = type(value)
    if value is None or kind in (bool, int, str):
        return value
    if kind is float:
        return value if math.isfinite(value) else {"float": repr(value)}
    if kind is list:
        return [_packed(each) for each in value]
    if kind is complex:
        return {"complex": [_packed(value.real), _packed(value.imag)]}
    if kind is tuple or kind is set or kind is frozenset:
        return {kind.__name__: [_packed(each) for each in value]}
    if kind is dict:
        return {"dict": [[_packed(key), _packed(each)] for key, each in value.items()]}
    if kind is bytes:
        return {"bytes": base64.b64encode(value).decode()}
    if isinstance(value, np.generic) and value.dtype.kind in "biufcSU":
        return {"scalar": _packed_array(np.asarray(value))}
    if value is np.ma.masked:
        return {"masked": None}
    if is_plain_array(value) and value.dtype.kind in _ARRAYS:
        return {"array": _packed_array(np.asarray(value))}
    if kind is np.ma.MaskedArray and value.dtype.kind in _ARRAYS:
        return {"masked": [_packed_array(value.data), _packed_array(np.ma.getmaskarray(value))]}
    reference = _packed_reference(value)
    if reference is not None:
        return reference
    of_objects = f" of {value.dtype}" if isinstance(value, np.ndarray) else ""
    raise TypeError(f"It contains an object of the type {kind.__module__}.{kind.__qualname__}{of_objects}.")


def _packed_reference(value: Any) -> Any:
    """Encode missing values, and references to remote results."""
    if type(value).__name__ == "NAType":
        return {"missing": None}
    if type(value).__module__ == "adaptive_dask.storage.extra_files":
        return {"file": value.url}
    if type(value).__module__ == "adaptive_dask.cluster.remote_result":
        return {"remote": [value.key, value.nbytes]}
    return None


def _packed_array(array: Any) -> list[Any]:
    return [array.dtype.str, list(array.shape), base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()]


def _unpacked(value: Any) -> Any:
    if isinstance(value, list):
        return [_unpacked(each) for each in value]
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    return _KINDS[kind](content)


def _array(content: Any) -> Any:
    dtype, shape, data = content
    return np.frombuffer(base64.b64decode(data), np.dtype(dtype)).reshape(shape).copy()


def _masked(content: Any) -> Any:
    if content is None:
        return np.ma.masked
    data, mask = map(_array, content)
    return np.ma.MaskedArray(data, mask)


def _missing(_: Any) -> Any:
    import pandas

    return pandas.NA


def _file(url: str) -> Any:
    from adaptive_dask.storage.extra_files import ExtraFile

    return ExtraFile(url)


def _remote(content: Any) -> Any:
    from adaptive_dask import entry

    return entry("remote_result")(*content)


_KINDS = {
    "float": float,
    "complex": lambda parts: complex(*map(_unpacked, parts)),
    "tuple": lambda items: tuple(map(_unpacked, items)),
    "set": lambda items: set(map(_unpacked, items)),
    "frozenset": lambda items: frozenset(map(_unpacked, items)),
    "dict": lambda items: {_unpacked(item[0]): _unpacked(item[1]) for item in items},
    "bytes": base64.b64decode,
    "scalar": lambda content: _array(content)[()],
    "array": _array,
    "masked": _masked,
    "missing": _missing,
    "file": _file,
    "remote": _remote,
}
