"""Conversion of the values of functions to numbers and arrays.

A value is a real number or an array of real numbers. Besides the types of Python and NumPy, these are objects that have
``__array__``, ``__float__`` or ``item()`` (Decimal, Fraction, 0-d arrays of any library, pandas, PyTorch, JAX, xarray),
and sequences of them. An array with one element counts as a number for a learner of numbers. Masked values of
`numpy.ma` are NaN. None, text, complex numbers, dates, durations, dictionaries, generators and coroutines are refused.
"""

from __future__ import annotations

import datetime
import inspect
import numbers
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set, Sized
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adaptive_dask.errors import Infeasible
from adaptive_dask.plain import short_repr
from adaptive_dask.types import Floats

_PLAIN = {float, int, bool, np.float64}

MORE = "If the function returns more than what is learned, wrap the learner in a DataSaver."
_NONE = "A function without `return` returns None; so may an arg_picker or on_error."
_COMPLEX = "Return the real and the imaginary part as a vector: (y.real, y.imag)."
_INFEASIBLE = (
    "This learner needs a value at every point: catch the error in the function, or run it with on_error='skip'."
)
_TIME = "Return a number, such as seconds: y.total_seconds(), or y / numpy.timedelta64(1, 's')."


class Refused(Exception):
    """Raised for objects that are not values."""

    def __init__(self, got: str, hint: str, kind: type[Exception] = TypeError, cause: Exception | None = None) -> None:
        super().__init__(got, hint)
        self.got, self.hint, self.kind, self.cause = got, hint, kind, cause

    def as_error(self, y: Any, what: str, expected: str) -> Exception:
        """Return the error for users."""
        whole = short_repr(y)
        got = whole if self.got in whole else f"{self.got}: {whole}"
        return self.kind(f"{what} must be {expected}, got {got}. {self.hint}")


def array_of(y: Any, number: type = float) -> NDArray[Any]:
    """Convert an object to an array of floats, or of complex numbers.

    Raises
    ------
    Refused
        If this is impossible.
    """
    try:
        return _converted(y, number)
    except RecursionError:
        raise Refused("something that contains itself", MORE) from None


def _converted(y: Any, number: type) -> NDArray[Any]:
    if isinstance(y, np.ndarray | np.generic):
        return _of_array(y, number)
    if isinstance(y, float | int):
        return np.array(_float(y))
    if isinstance(y, list | tuple):
        return _of_sequence(y, number)
    if number is complex and isinstance(y, complex):
        return np.array(y)
    refusal = _refusal(y)
    if refusal is not None:
        raise refusal
    cause: Exception | None = None
    kind = type(y)  # the class, because some objects, such as Delayed of Dask, have any attribute
    for name, convert in (("__array__", np.asarray), ("item", _item), ("__float__", _float)):
        if getattr(kind, name, None) is None:
            continue
        try:
            converted = convert(y)
        except Refused:
            raise
        except Exception as error:  # errors of other libraries; another conversion may succeed
            cause = cause or error
            continue
        if converted is y or (isinstance(converted, np.ndarray) and converted.dtype == object and not converted.ndim):
            continue
        return _converted(converted, number)
    if isinstance(y, Sized) and isinstance(y, Iterable):
        return _of_sequence(list(y), number)
    raise Refused(short_repr(y), MORE, cause=cause)


def _item(y: Any) -> Any:
    return y.item()


def _float(y: Any) -> float:
    try:
        return float(y)
    except OverflowError:
        hint = "It does not fit a floating-point number: scale it, or return its logarithm."
        raise Refused(short_repr(y), hint, kind=ValueError) from None


def _of_array(y: Any, number: type) -> NDArray[Any]:
    array, mask = np.ma.getdata(y), np.ma.getmask(y)
    if isinstance(y, np.ma.MaskedArray) and mask is not np.ma.nomask:
        array = np.where(mask, np.nan, array)
    kind = array.dtype.kind
    if kind == "O" and array.ndim:
        array = _of_sequence(array.ravel().tolist(), number).reshape(array.shape)
        kind = array.dtype.kind
    elif kind == "c" and number is float:
        raise Refused(short_repr(y), _COMPLEX)
    elif kind not in "buifc":
        raise Refused(short_repr(y), _TIME if kind in "mM" else MORE)
    if array.size == 0:
        raise Refused(f"an empty array of shape {array.shape}", "Return at least one number.", kind=ValueError)
    with np.errstate(over="ignore"):  # a long double may exceed the range
        return np.array(array, dtype=complex if kind == "c" else float, subok=False)


def _of_sequence(items: Sequence[Any], number: type) -> NDArray[Any]:
    if not items:
        raise Refused("an empty array of shape (0,)", "Return at least one number.", kind=ValueError)
    if set(map(type, items)) <= _PLAIN:
        try:
            return np.array(items, dtype=float)
        except OverflowError:
            return np.array([_float(item) for item in items])
    parts = [_converted(item, number) for item in items]
    shapes = {part.shape for part in parts}
    if len(shapes) > 1:
        some = " and ".join(sorted(map(str, shapes))[:2])
        hint = "Return values of one shape, or wrap the learner in a DataSaver."
        raise Refused(f"a ragged sequence, with elements of shape {some}", hint, kind=ValueError)
    return np.array(parts)


def _refusal(y: Any) -> Refused | None:
    """Return an error for types that are never values, even if they can be converted."""
    if y is None:
        return Refused("None", _NONE)
    if isinstance(y, Infeasible):
        return Refused(short_repr(y), _INFEASIBLE)
    if isinstance(y, str | bytes | bytearray):
        return Refused(short_repr(y), f"Convert text to a number first. {MORE}")
    if isinstance(y, complex | numbers.Complex) and not isinstance(y, numbers.Real):
        return Refused(short_repr(y), _COMPLEX)
    if isinstance(y, datetime.date | datetime.time | datetime.timedelta):
        return Refused(short_repr(y), _TIME)
    if isinstance(y, Mapping | Set):
        return Refused(short_repr(y), pick_in_data_saver("y"))
    if inspect.isawaitable(y):
        return Refused(short_repr(y), "Has the function called a coroutine function without `await`?")
    if isinstance(y, Iterator):
        return Refused(short_repr(y), "Return a list or an array of what it yields.")
    return None


def table_of(ys: Any) -> Floats | None:
    """Return values that are a plain table of numbers as one array; None for others, which are checked one by one."""
    if not isinstance(ys, np.ndarray):
        kinds = set(map(type, ys))
        if not (kinds <= _PLAIN or kinds == {np.ndarray}):
            return None
        try:
            ys = np.asarray(ys)
        except (ValueError, OverflowError):  # different shapes
            return None
    if isinstance(ys, np.ma.MaskedArray) or ys.dtype.kind not in "buif" or 0 in ys.shape or ys.ndim < 1:
        return None
    with np.errstate(over="ignore"):
        return np.array(ys, dtype=float, subok=False)


def pick_in_data_saver(learn: Any) -> str:
    """Return the advice to wrap a learner in a `DataSaver`."""
    return f"Wrap the learner in a DataSaver, which picks what is learned: DataSaver(learner, learn={learn!r})."
