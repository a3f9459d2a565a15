"""How points and values become bytes: pickles that load elsewhere, and compact columns of many."""

from __future__ import annotations

import itertools
import pickle
from collections.abc import Sequence
from typing import Any

import cloudpickle
import numpy as np

from adaptive_dask.user_code import reraise_interrupt

# An exception of more bytes stays where it was raised: only its text travels.
MAX_EXCEPTION = 1_000_000

Column = list[Any]  # a letter for the kind, bytes, and what else is needed to read them; takes msgpack


def dumps(value: Any) -> bytes:
    """Pickle a value, what comes from ``__main__`` by value, for the other side has another one."""
    try:
        data = pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
    except BaseException as error:
        reraise_interrupt(error)
        data = b"__main__"
    if b"__main__" in data:
        data = cloudpickle.dumps(value)
    return data


def dumps_exception(error: BaseException) -> bytes | None:
    """Pickle an exception without its frames; None of one that cannot be pickled or is larger than `MAX_EXCEPTION`."""
    try:
        data = dumps(BaseException.with_traceback(error, None))
    except BaseException:  # of user code
        return None
    return data if len(data) <= MAX_EXCEPTION else None


def pack_column(values: Sequence[Any]) -> Column:
    """Pack values; numbers, tuples of floats and arrays of one shape take 8 bytes a number, or as many as they have.

    Parameters
    ----------
    values : sequence
        One or more.

    Raises
    ------
    Exception
        Whatever pickling the values raises.
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
        If it was not made by `pack_column`, or cannot be unpickled here.
    """
    kind, data, *form = column
    if kind == "f":
        numbers: list[Any] = np.frombuffer(data, "<f8").tolist()
        return numbers
    if kind == "i":
        numbers = np.frombuffer(data, "<i8").tolist()
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
    raise ValueError(f"a column of the unknown kind {kind!r}")
