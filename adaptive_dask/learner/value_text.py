"""Texts that tell values apart, for comparisons with values in files and other processes."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from adaptive_dask.plain import safe_repr

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")

# NumPy's defaults, which users may change, but with all digits.
_ALL_DIGITS: dict[str, Any] = {
    **{"precision": 8, "threshold": 1000, "edgeitems": 3, "linewidth": 75, "suppress": False, "sign": "-"},
    **{"nanstr": "nan", "infstr": "inf", "floatmode": "unique", "legacy": False},
}


def text_of_value(value: Any) -> str:
    """Return a text that is the same for equal values, also in other processes: the `repr` without addresses.

    Long arrays and tables of pandas omit elements in their `repr`, and the order of sets depends on the process. If the
    value is such an object, or has one in its lists, tuples, dicts and dataclasses, the text contains a digest.
    """
    digest = hashlib.blake2b(digest_size=8)
    try:
        if not _needs_digest(value):
            return _repr(value)
        _digest(value, digest.update)
    except RecursionError:  # a list that contains itself
        return _repr(value)
    shape = getattr(value, "shape", None)
    return f"<{type(value).__name__}{'' if shape is None else f' of shape {shape}'}, digest {digest.hexdigest()}>"


def _repr(value: Any) -> str:
    with np.printoptions(**_ALL_DIGITS):
        return _ADDRESS.sub("", safe_repr(value))


def _needs_digest(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.size > _ALL_DIGITS["threshold"] or (value.dtype.hasobject and any(map(_needs_digest, value.flat)))
    return _is_table(value) or isinstance(value, set | frozenset) or any(map(_needs_digest, _parts(value)))


def _is_table(value: Any) -> bool:
    return hasattr(type(value), "__array__") and not isinstance(value, np.ndarray | np.generic)


def _parts(value: Any) -> list[Any]:
    """Return the items of a container, in the same order in all processes."""
    if isinstance(value, list | tuple):
        return list(value)
    if isinstance(value, set | frozenset):
        return sorted(value, key=_repr)
    if isinstance(value, dict):
        return [part for item in sorted(value.items(), key=lambda item: _repr(item[0])) for part in item]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [getattr(value, field.name, None) for field in dataclasses.fields(value)]
    return []


def _digest(value: Any, update: Callable[[bytes], None]) -> None:
    """Pass the contents of a value on as bytes."""
    parts = _parts(value)
    array = _as_array(value)
    if array is not None:
        parts = [getattr(array, "mask", None), *getattr(value, "axes", ())]  # masked arrays; the labels of pandas
        update(f"{type(value).__name__}{array.dtype.str}{array.shape}".encode())
        if array.dtype.hasobject:
            parts += array.ravel().tolist()
        else:
            update(np.ascontiguousarray(array).tobytes())
    elif parts:
        update(f"{type(value).__name__}{len(parts)}".encode())
    else:
        update(f"{_repr(value)}\n".encode())
    for part in parts:
        _digest(part, update)


def _as_array(value: Any) -> Any:
    """Return an array or a table as an array; None for other objects."""
    if isinstance(value, np.ndarray):
        return value
    try:
        return np.asarray(value) if _is_table(value) else None
    except Exception:  # such as arrays in the memory of a GPU
        return None
