"""Checks of bounds, points, values, seeds and settings, with the same rules for every learner.

`adaptive_dask.learner.value_conversion` says what a value is.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adaptive_dask.learner.value_conversion import MORE, Refused, array_of, pick_in_data_saver, table_of
from adaptive_dask.plain import short_repr
from adaptive_dask.types import Floats

_INTS = {int}


# ---- arguments


def refuse_learn(what: str, arguments: Mapping[str, Any]) -> None:
    """Raise a `TypeError` if ``learn``, an argument of `DataSaver`, is among the arguments of a learner or a run."""
    if "learn" in arguments:
        learn = arguments["learn"]
        raise TypeError(
            f"learn must be an argument of a DataSaver, got learn={learn!r} for {what}. {pick_in_data_saver(learn)}"
        )


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
    xs = xs.tolist() if isinstance(xs, np.ndarray) else list(xs)
    if set(map(type, xs)) == {float} and math.isfinite(sum(xs)):
        return xs
    return [checked_point(x) for x in xs]


def checked_coordinates(x: Any, ndim: int) -> tuple[float, ...]:
    """Check a point with ``ndim`` finite coordinates, and return it as a tuple of floats."""
    if type(x) is not tuple and isinstance(x, str | bytes):
        raise TypeError(f"A point must be a sequence of {ndim} numbers, got {x!r}.")
    try:
        point = tuple(x)
    except TypeError:
        raise TypeError(f"A point must be a sequence of {ndim} numbers, got {short_repr(x)}.") from None
    if len(point) != ndim:
        raise ValueError(f"A point must have {ndim} finite coordinates, got {short_repr(x)}.")
    return tuple([c if type(c) is float and c - c == 0.0 else _real(c, "A coordinate") for c in point])


def _real(x: Any, what: str) -> float:
    if isinstance(x, str | bytes):
        raise TypeError(f"{what} must be a real number, got {x!r}.")
    try:
        number = float(x)
    except (TypeError, ValueError):
        raise TypeError(f"{what} must be a real number, got {x!r}.") from None
    except OverflowError:
        raise ValueError(f"{what} must be a number that fits a float, got {short_repr(x)}.") from None
    if not math.isfinite(number):
        raise ValueError(f"{what} must be a finite number, got {x!r}.")
    return number


# ---- values


def checked_value(y: Any, x: Any) -> float | Floats:
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


def as_array(y: Any, what: str) -> Floats:
    """Convert an object to an array of floats; see `as_real`."""
    try:
        return array_of(y)
    except Refused as refused:
        raise refused.as_error(y, what, "a real number or an array of real numbers") from refused.cause


def as_amplitude(y: Any, what: str) -> float | complex | NDArray[Any]:
    """Convert an object to a real or complex number, or an array of them; see `as_real`."""
    if isinstance(y, float | complex) and not isinstance(y, np.generic):
        return y
    try:
        array = array_of(y, complex)
    except Refused as refused:
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
        array = array_of(y)
        if array.size != 1:
            raise Refused(f"an array of shape {array.shape}", MORE)
    except Refused as refused:
        raise refused.as_error(y, what, "a real number") from refused.cause
    return float(array.item())


def paired(xs: Iterable[Any], ys: Iterable[Any]) -> list[tuple[Any, Any]]:
    """Return each point with its value, if there are as many values as points."""
    points, values = list(xs), list(ys)
    if len(values) != len(points):
        raise ValueError(f"ys must have a value for each of {len(points)} points, got {len(values)}.")
    return list(zip(points, values, strict=True))


def checked_numbers(ys: Iterable[Any], xs: Sequence[Any]) -> list[float]:
    """Return `checked_number` of each value, if there are as many as points."""
    values = list(ys)
    if len(values) != len(xs) or set(map(type, values)) != {float}:
        values = [checked_number(y, x) for x, y in paired(xs, values)]
    return values


def checked_values(
    ys: Iterable[Any], xs: Sequence[Any], shape: tuple[int, ...] | None = None
) -> tuple[Floats, tuple[int, ...]]:
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
    table = table_of(ys)
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
