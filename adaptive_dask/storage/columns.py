"""Compact columns of points or values, as a checkpoint stores them."""

from __future__ import annotations

import itertools
import pickle
from collections.abc import Sequence
from typing import Any

import numpy as np

from adaptive_dask.run.pickling import dumps

Column = list[Any]  # a letter for the kind, bytes, and parameters of the kind; msgpack can carry it


def pack_column(values: Sequence[Any]) -> Column:
    """Pack values: numbers, tuples of floats and arrays of one shape as raw numbers, other values as pickles.

    Parameters
    ----------
    values : sequence
        One or more values.

    Raises
    ------
    Exception
        If the values cannot be pickled.
    """
    kinds = set(map(type, values))
    if kinds == {float}:
        return ["f", np.array(values, "<f8").tobytes()]
    if kinds == {int}:
        try:
            return ["i", np.array(values, "<i8").tobytes()]
        except OverflowError:
            pass
    if kinds == {tuple}:
        lengths = set(map(len, values))
        flat = list(itertools.chain.from_iterable(values))
        if len(lengths) == 1 and set(map(type, flat)) == {float}:
            return ["t", np.array(flat, "<f8").tobytes(), lengths.pop()]
    if kinds == {np.ndarray}:
        forms = {(array.dtype.str, array.shape) for array in values}
        if len(forms) == 1 and values[0].dtype.kind in "biufc":
            dtype, shape = forms.pop()
            return ["a", np.stack(values).tobytes(), dtype, *shape]
    return ["p", dumps(list(values))]


def unpack_column(column: Column) -> list[Any]:
    """Undo `pack_column`.

    Raises
    ------
    Exception
        If the column was not made by `pack_column`, or cannot be unpickled here.
    """
    kind, data, *form = column
    if kind in ("f", "i"):
        numbers: list[Any] = np.frombuffer(data, f"<{kind}8").tolist()
        return numbers
    if kind == "t":
        flat = iter(np.frombuffer(data, "<f8").tolist())
        return list(zip(*[flat] * form[0], strict=True))
    if kind == "a":
        dtype, *shape = form
        return list(np.frombuffer(data, dtype).reshape(-1, *shape).copy())
    if kind == "p":
        values: list[Any] = pickle.loads(data)
        return values
    raise ValueError(f"kind of a column must be 'f', 'i', 't', 'a' or 'p', got {kind!r}.")
