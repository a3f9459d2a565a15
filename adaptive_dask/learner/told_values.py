"""Check what a `Learner1D` is given: bounds, points, values."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def checked_bounds(bounds: Any) -> tuple[float, float]:
    """Two finite numbers in ascending order, as floats."""
    try:
        low, high = bounds
    except (TypeError, ValueError) as error:
        raise type(error)(f"bounds must be two real numbers (low, high), not {bounds!r}.") from None
    low, high = _real(low, "A bound"), _real(high, "A bound")
    if not math.isfinite(high - low):
        raise ValueError(f"bounds must be finite, and so must be their distance, not {bounds!r}.")
    if low >= high:
        raise ValueError(f"bounds must be in ascending order, (low, high) with low < high, not {bounds!r}.")
    return low, high


def checked_point(x: Any) -> float:
    """A finite number, as a float."""
    return x if type(x) is float and math.isfinite(x) else _real(x, "A point")


def _real(x: Any, what: str) -> float:
    if isinstance(x, str | bytes):
        raise TypeError(f"{what} must be a real number, not {x!r}.")
    try:
        number = float(x)
    except (TypeError, ValueError):
        raise TypeError(f"{what} must be a real number, not {x!r}.") from None
    except OverflowError:
        raise ValueError(f"{what} must be a number that fits a float, not {x!r}.") from None
    if not math.isfinite(number):
        raise ValueError(f"{what} must be a finite number, not {x!r}.")
    return number


def checked_value(y: Any, x: float) -> float | Array:
    """A float, or an array of floats of shape (vdim,)."""
    if type(y) is float:
        return y
    if y is None:
        raise TypeError(
            f"The value at x = {x!r} is None, expected a real number or a vector. Use tell_pending(x) for a point "
            "that is being evaluated."
        )
    try:
        array = np.asarray(y)
        if array.dtype.kind == "O" and not any(item is None for item in array.flat):
            array = array.astype(float)
    except (TypeError, ValueError, OverflowError):
        raise TypeError(f"The value at x = {x!r} must be a real number or a vector, not {y!r}.") from None
    if array.dtype.kind not in "buif":
        raise TypeError(f"The value at x = {x!r} must be a real number or a vector, not {y!r}.")
    if array.ndim == 0:
        return float(array)
    if array.ndim > 1 or len(array) == 0:
        raise ValueError(f"The value at x = {x!r} must be a number or have shape (vdim,), not {array.shape}.")
    return array.astype(float)


def checked_points(xs: Iterable[Any]) -> list[float]:
    """Finite numbers, as floats."""
    if type(xs) is not list:
        xs = xs.tolist() if isinstance(xs, np.ndarray) else list(xs)
    return [checked_point(x) for x in xs]


def checked_values(ys: Iterable[Any], xs: list[float]) -> tuple[Array, bool]:
    """The values at ``xs``, all of one length.

    Returns
    -------
    values : array of float, shape (n, vdim)
    as_arrays : bool
        Whether they are vectors.
    """
    if not isinstance(ys, np.ndarray):
        ys = list(ys)
    if len(ys) != len(xs):
        raise ValueError(f"There are {len(ys)} values for {len(xs)} points.")
    if not len(ys):
        return np.empty((0, 1)), False
    try:
        values = np.asarray(ys)
    except ValueError:
        values = np.empty(0, dtype=object)
    if values.dtype.kind not in "buif" or values.ndim not in (1, 2) or 0 in values.shape:
        values = _one_by_one(list(ys), xs)
    if values.ndim == 1:
        return values.astype(float)[:, np.newaxis], False
    return values.astype(float), True


def _one_by_one(ys: list[Any], xs: list[float]) -> Array:
    """Convert values that are not a plain table, or say which one is wrong."""
    values = [checked_value(y, x) for x, y in zip(xs, ys, strict=True)]
    if all(isinstance(y, float) for y in values):
        return np.array(values)
    vectors = [np.atleast_1d(y) for y in values]
    for x, y in zip(xs, vectors, strict=True):
        if len(y) != len(vectors[0]):
            raise ValueError(
                f"The value at x = {x!r} has length {len(y)}, but that at x = {xs[0]!r} has length {len(vectors[0])} "
                "(1 is a number). The function must return values of one length."
            )
    return np.array(vectors)
