"""Calls of vectorized functions, which take an array of points and return an array of values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from adaptive_dask.errors import BatchShapeError

# Splits the result of a function for n points into n values; returns None for results that it cannot split.
Split = Callable[[Any, int], list[Any] | None]


def call_batch(function: Callable[..., Any], points: Sequence[Any], split: Split | None = None) -> list[Any]:
    """Evaluate several points in one call.

    Parameters
    ----------
    function : callable
        Takes the result of `as_batch` for n points and returns n values: an array whose first axis has length n, a
        list, or a tuple. If the function has a method ``call_batch(points, split)``, because it wraps that of the user,
        that method is called instead.
    points : sequence
        n points of a learner.
    split : callable, optional
        For functions with results other than n values in a row.

    Returns
    -------
    list
        The n values, as numbers if they come from an array of numbers.

    Raises
    ------
    BatchShapeError
        If there is not one value for each point.
    Exception
        Any error that the function raises.
    """
    wrapped = getattr(function, "call_batch", None)
    if wrapped is not None:
        return list(wrapped(points) if split is None else wrapped(points, split))
    return values_of_batch(function(as_batch(points)), len(points), split)


def as_batch(points: Sequence[Any]) -> Any:
    """Convert points to the argument of a vectorized function.

    Returns
    -------
    ndarray or list
        Shape (n,) for n numbers, (n, dim) for tuples or arrays of ``dim`` numbers, or a list for all other points.
    """
    try:
        array = np.array(points)
    except ValueError:  # different shapes
        return list(points)
    return array if array.dtype.kind in "biufc" else list(points)


def values_of_batch(result: Any, n: int, split: Split | None = None) -> list[Any]:
    """Return the n values in the result of a vectorized function.

    Raises
    ------
    BatchShapeError
        If there are not n values.
    """
    values = None if split is None else split(result, n)
    if values is not None:
        return values
    if isinstance(result, np.ndarray):
        if result.ndim == 0 or result.shape[0] != n:
            raise _wrong(f"an array of shape {result.shape}", n)
        return result.tolist() if result.ndim == 1 else list(result)
    if not isinstance(result, list | tuple):
        if hasattr(result, "__array__"):
            return values_of_batch(np.asarray(result), n)
        raise _wrong(f"an object of type {type(result).__name__}", n)
    if len(result) != n:
        raise _wrong(f"a {type(result).__name__} of {len(result)}", n)
    return list(result)


def _wrong(what: str, n: int) -> BatchShapeError:
    return BatchShapeError(
        f"With vectorized=True the function gets an array of n points and returns n values: an array whose first "
        f"axis has length n, or a list. For {n} point{'s' if n > 1 else ''} it returned {what}."
    )
