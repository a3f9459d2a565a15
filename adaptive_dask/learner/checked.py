"""Checks of bounds, points, values, seeds and settings, with the same rules for every learner.

A value is a real number or an array of real numbers. Besides the types of Python and NumPy, these are objects that have
``__array__``, ``__float__`` or ``item()`` (Decimal, Fraction, 0-d arrays of any library, pandas, PyTorch, JAX, xarray),
and sequences of them. An array with one element counts as a number for a learner of numbers. Masked values of
`numpy.ma` are NaN. None, text, complex numbers, dates, durations, dictionaries, generators and coroutines are refused.
"""

from __future__ import annotations

import datetime
import inspect
import math
import numbers
import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set, Sized
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adaptive_dask.errors import Infeasible

Array = NDArray[np.float64]

_PLAIN = {float, int, bool, np.float64}
_INTS = {int}
_MAX_TEXT = 200


# ---- arguments


def refuse_learn(what: str, arguments: Mapping[str, Any]) -> None:
    """Raise a `TypeError` if ``learn``, an argument of `DataSaver`, is among the arguments of a learner or a run."""
    if "learn" in arguments:
        learn = arguments["learn"]
        raise TypeError(f"learn must be an argument of a DataSaver, got learn={learn!r} for {what}. {_pick(learn)}")


def _pick(learn: Any) -> str:
    return f"Wrap the learner in a DataSaver, which picks what is learned: DataSaver(learner, learn={learn!r})."


# ---- bounds and points


def checked_bounds(bounds: Any) -> tuple[float, float]:
    """Check two finite numbers in ascending order, and return them as floats."""
    try:
        low, high = bounds
    except (TypeError, ValueError) as error:
        raise type(error)(f"bounds must be two real numbers (low, high), got {bounds!r}.") from None
    low, high = _real(low, "A bound"), _real(high, "A bound")
    if not math.isfinite(high - low):
        raise ValueError(f"bounds must be finite with a finite distance, got {bounds!r}.")
    if low >= high:
        raise ValueError(f"bounds must be in ascending order, (low, high) with low < high, got {bounds!r}.")
    return low, high


def checked_point(x: Any) -> float:
    """Check a finite number, and return it as a float."""
    # For infinite numbers and NaN, the difference is NaN. This is faster than a call.
    return x if type(x) is float and x - x == 0.0 else _real(x, "A point")


def checked_points(xs: Iterable[Any]) -> list[float]:
    """Check finite numbers, and return them as floats."""
    if type(xs) is not list:
        xs = xs.tolist() if isinstance(xs, np.ndarray) else list(xs)
    return [checked_point(x) for x in xs]


def checked_coordinates(x: Any, ndim: int) -> tuple[float, ...]:
    """Check a point with ``ndim`` finite coordinates, and return it as a tuple of floats."""
    if isinstance(x, str | bytes):
        raise TypeError(f"A point must be a sequence of {ndim} numbers, got {x!r}.")
    try:
        point = tuple(x)
    except TypeError:
        raise TypeError(f"A point must be a sequence of {ndim} numbers, got {_short(x)}.") from None
    if len(point) != ndim:
        raise ValueError(f"A point must have {ndim} finite coordinates, got {_short(x)}.")
    return tuple([c if type(c) is float and c - c == 0.0 else _real(c, "A coordinate") for c in point])


def _real(x: Any, what: str) -> float:
    if isinstance(x, str | bytes):
        raise TypeError(f"{what} must be a real number, got {x!r}.")
    try:
        number = float(x)
    except (TypeError, ValueError):
        raise TypeError(f"{what} must be a real number, got {x!r}.") from None
    except OverflowError:
        raise ValueError(f"{what} must be a number that fits a float, got {_short(x)}.") from None
    if not math.isfinite(number):
        raise ValueError(f"{what} must be a finite number, got {x!r}.")
    return number


# ---- values


def checked_value(y: Any, x: Any) -> float | Array:
    """Check the value at ``x``, and return it as a float or an array of floats.

    Raises
    ------
    TypeError, ValueError
        If it is not a real number or an array of real numbers.
    """
    if isinstance(y, float):
        return float(y)
    array = as_array(y, f"The value at {x!r}")
    return float(array) if array.ndim == 0 else array


def checked_amplitude(y: Any, x: Any) -> float | complex | NDArray[Any]:
    """Check the value at ``x`` of a function that may be complex: a number or an array of numbers.

    Raises
    ------
    TypeError, ValueError
        If it is another object.
    """
    if isinstance(y, float | complex) and not isinstance(y, np.generic):
        return y
    return as_amplitude(y, f"The value at {x!r}")


def checked_number(y: Any, x: Any) -> float:
    """Check the value at ``x`` of a function that returns numbers; an array with one element counts as one."""
    if isinstance(y, float):
        return float(y)
    return as_real(y, f"The value at {x!r}")


def as_array(y: Any, what: str) -> Array:
    """Convert an object to an array of floats; see `as_real`."""
    try:
        return _converted(y)
    except _Refused as refused:
        raise refused.as_error(y, what, "a real number or an array of real numbers") from refused.cause


def as_amplitude(y: Any, what: str) -> float | complex | NDArray[Any]:
    """Convert an object to a real or complex number, or an array of them; see `as_real`."""
    if isinstance(y, float | complex) and not isinstance(y, np.generic):
        return y
    try:
        array = _array_of(y, complex)
    except RecursionError:
        raise _Refused("something that contains itself", _MORE).as_error(y, what, "a number") from None
    except _Refused as refused:
        expected = "a real or complex number or an array of such numbers"
        raise refused.as_error(y, what, expected) from refused.cause
    return array if array.ndim else array.item()


def as_real(y: Any, what: str) -> float:
    """Convert an object to a float, finite or not.

    Parameters
    ----------
    y : object
    what : str
        Its name, for the message.

    Raises
    ------
    TypeError, ValueError
        If it is not a real number.
    """
    if isinstance(y, float):
        return float(y)
    try:
        array = _converted(y)
        if array.size != 1:
            raise _Refused(f"an array of shape {array.shape}", _MORE)
    except _Refused as refused:
        raise refused.as_error(y, what, "a real number") from refused.cause
    return float(array.item())


def checked_numbers(ys: Iterable[Any], xs: Sequence[Any]) -> list[float]:
    """Return `checked_number` of each value, if there are as many as points."""
    values = list(ys)
    if len(values) != len(xs):
        raise ValueError(f"ys must have a value for each of {len(xs)} points, got {len(values)}.")
    if set(map(type, values)) != {float}:
        values = [checked_number(y, x) for x, y in zip(xs, values, strict=True)]
    return values


def checked_values(
    ys: Iterable[Any], xs: Sequence[Any], shape: tuple[int, ...] | None = None
) -> tuple[Array, tuple[int, ...]]:
    """Check values at ``xs``, which must have the same shape.

    Parameters
    ----------
    ys : iterable, length n
    xs : sequence, length n
    shape : tuple of int, optional
        The shape of earlier values.

    Returns
    -------
    values : array of float, shape (n, vdim)
        A value in each row.
    shape : tuple of int
        The shape of each value; ``()`` for numbers.
    """
    if not isinstance(ys, np.ndarray):
        ys = list(ys)
    if len(ys) != len(xs):
        raise ValueError(f"ys must have a value for each of {len(xs)} points, got {len(ys)}.")
    if not len(ys):
        return np.empty((0, 1)), shape or ()
    table = _table(ys)
    if table is not None and (shape is None or table.shape[1:] == shape):
        return table.reshape(len(table), -1), table.shape[1:]
    values = [checked_value(y, x) for x, y in zip(xs, ys, strict=True)]
    shape = np.shape(values[0]) if shape is None else shape
    rows = [in_shape(y, shape, x) for x, y in zip(xs, values, strict=True)]
    return np.array(rows, dtype=float).reshape(len(rows), -1), shape


def in_shape(value: complex | NDArray[Any], shape: tuple[int, ...] | None, x: Any) -> Any:
    """Return a value in the shape of earlier ones; flat arrays and those with a single element are reshaped.

    Parameters
    ----------
    value : float, complex or ndarray
    shape : tuple of int or None
        None if there are no earlier values.
    x : object
        Its point, for the message.

    Raises
    ------
    ValueError
        If it has another shape.
    """
    if shape is None or (shape == () and isinstance(value, float)):
        return value
    value = np.asarray(value)
    if value.shape != shape:
        if value.size != math.prod(shape) or (value.ndim > 1 and len(shape) > 1):
            raise ValueError(
                f"The value at {x!r} must have the shape of the values told before, {shape}, got {value.shape} "
                "(() is a number). The function must return values of one shape."
            )
        value = value.reshape(shape)
    return value if shape else value.item()


# ---- seeds, numbers of points, settings


def checked_seed(seed: Any, what: str = "A seed") -> int:
    """Check an integer, and return it as an int.

    Parameters
    ----------
    seed : object
    what : str
        Its name, for the message.

    Raises
    ------
    TypeError
        If it is not an integer.
    """
    if type(seed) is int:
        return seed
    if isinstance(seed, np.integer) or (isinstance(seed, int) and not isinstance(seed, bool)):
        return int(seed)
    if isinstance(seed, float | np.floating) and float(seed).is_integer():
        # In tables with another column of floats, seeds become floats as well.
        return int(seed)
    raise TypeError(f"{what} must be an integer, got {seed!r}.")


def checked_seeds(seeds: Iterable[Any], what: str = "A seed") -> list[int]:
    """Return `checked_seed` of each seed."""
    checked = list(seeds)
    if set(map(type, checked)) != _INTS:
        checked = [checked_seed(seed, what) for seed in checked]
    return checked


def checked_size(n: Any) -> int:
    """Check the number of requested points, an int that is not negative.

    Raises
    ------
    TypeError, ValueError
        If it is another object.
    """
    if type(n) is not int:
        n = operator.index(n)
    if n < 0:
        raise ValueError(f"n must be the number of points, 0 or more, got {n}.")
    return int(n)


def checked_fraction(value: Any, name: str, *, one_allowed: bool) -> float:
    """Check a number between 0 (exclusive) and 1.

    Raises
    ------
    TypeError, ValueError
        If it is not a number, or outside this range.
    """
    number = as_real(value, name)
    if not 0 < number < 1 and not (one_allowed and number == 1):
        raise ValueError(f"{name} must be in (0, 1{']' if one_allowed else ')'}, got {value!r}.")
    return number


def checked_count(value: Any, name: str) -> int:
    """Check an integer.

    Raises
    ------
    TypeError
        If it is not an integer.
    """
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, got {value!r}.") from None


# ---- conversion of values

_MORE = "If the function returns more than what is learned, wrap the learner in a DataSaver."
_NONE = "A function without `return` returns None; so may an arg_picker or on_error."
_COMPLEX = "Return the real and the imaginary part as a vector: (y.real, y.imag)."
_INFEASIBLE = (
    "This learner needs a value at every point: catch the error in the function, or run it with on_error='skip'."
)
_TIME = "Return a number, such as seconds: y.total_seconds(), or y / numpy.timedelta64(1, 's')."


class _Refused(Exception):
    """Raised for objects that are not values."""

    def __init__(self, got: str, hint: str, kind: type[Exception] = TypeError, cause: Exception | None = None) -> None:
        super().__init__(got, hint)
        self.got, self.hint, self.kind, self.cause = got, hint, kind, cause

    def as_error(self, y: Any, what: str, expected: str) -> Exception:
        whole = _short(y)
        got = whole if self.got in whole else f"{self.got}: {whole}"
        return self.kind(f"{what} must be {expected}, got {got}. {self.hint}")


def _converted(y: Any) -> Array:
    try:
        return _array_of(y)
    except RecursionError:
        raise _Refused("something that contains itself", _MORE) from None


def _array_of(y: Any, number: type = float) -> NDArray[Any]:
    """Convert an object to an array of floats, or of complex numbers; raise `_Refused` if this is impossible."""
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
        except _Refused:
            raise
        except Exception as error:  # errors of other libraries; another conversion may succeed
            cause = cause or error
            continue
        if converted is y or (isinstance(converted, np.ndarray) and converted.dtype == object and not converted.ndim):
            continue
        return _array_of(converted, number)
    if isinstance(y, Sized) and isinstance(y, Iterable):
        return _of_sequence(list(y), number)
    raise _Refused(_short(y), _MORE, cause=cause)


def _item(y: Any) -> Any:
    return y.item()


def _float(y: Any) -> float:
    try:
        return float(y)
    except OverflowError:
        hint = "It does not fit a floating-point number: scale it, or return its logarithm."
        raise _Refused(_short(y), hint, kind=ValueError) from None


def _of_array(y: Any, number: type) -> NDArray[Any]:
    array, mask = np.ma.getdata(y), np.ma.getmask(y)
    if isinstance(y, np.ma.MaskedArray) and mask is not np.ma.nomask:
        array = np.where(mask, np.nan, array)
    kind = array.dtype.kind
    if kind == "O" and array.ndim:
        array = _of_sequence(array.ravel().tolist(), number).reshape(array.shape)
        kind = array.dtype.kind
    elif kind == "c" and number is float:
        raise _Refused(_short(y), _COMPLEX)
    elif kind not in "buifc":
        raise _Refused(_short(y), _TIME if kind in "mM" else _MORE)
    if array.size == 0:
        raise _Refused(f"an empty array of shape {array.shape}", "Return at least one number.", kind=ValueError)
    with np.errstate(over="ignore"):  # a long double may exceed the range
        return np.array(array, dtype=complex if kind == "c" else float, subok=False)


def _of_sequence(items: Sequence[Any], number: type) -> NDArray[Any]:
    if not items:
        raise _Refused("an empty array of shape (0,)", "Return at least one number.", kind=ValueError)
    if set(map(type, items)) <= _PLAIN:
        try:
            return np.array(items, dtype=float)
        except OverflowError:
            return np.array([_float(item) for item in items])
    parts = [_array_of(item, number) for item in items]
    shapes = {part.shape for part in parts}
    if len(shapes) > 1:
        some = " and ".join(sorted(map(str, shapes))[:2])
        hint = "Return values of one shape, or wrap the learner in a DataSaver."
        raise _Refused(f"a ragged sequence, with elements of shape {some}", hint, kind=ValueError)
    return np.array(parts)


def _refusal(y: Any) -> _Refused | None:
    """Return an error for types that are never values, even if they can be converted."""
    if y is None:
        return _Refused("None", _NONE)
    if isinstance(y, Infeasible):
        return _Refused(_short(y), _INFEASIBLE)
    if isinstance(y, str | bytes | bytearray):
        return _Refused(_short(y), f"Convert text to a number first. {_MORE}")
    if isinstance(y, complex | numbers.Complex) and not isinstance(y, numbers.Real):
        return _Refused(_short(y), _COMPLEX)
    if isinstance(y, datetime.date | datetime.time | datetime.timedelta):
        return _Refused(_short(y), _TIME)
    if isinstance(y, Mapping | Set):
        return _Refused(_short(y), _pick("y"))
    if inspect.isawaitable(y):
        return _Refused(_short(y), "Has the function called a coroutine function without `await`?")
    if isinstance(y, Iterator):
        return _Refused(_short(y), "Return a list or an array of what it yields.")
    return None


def _table(ys: Any) -> Array | None:
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


def _short(y: Any) -> str:
    try:
        text = repr(y)
    except Exception:  # errors of other libraries
        text = f"<{type(y).__name__}>"
    return text if len(text) <= _MAX_TEXT else text[:_MAX_TEXT] + "…"
