"""Check what learners are given besides values: seeds, settings, and for how many points they are asked."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any

import numpy as np

from adaptive_dask.learner.told_values import as_real

_INTS = {int}


def checked_seed(seed: Any, what: str = "A seed") -> int:
    """An integer, as an int.

    Parameters
    ----------
    seed : object
    what : str
        What it is, for the message.

    Raises
    ------
    TypeError
        If it is something else.
    """
    if type(seed) is int:
        return seed
    if isinstance(seed, np.integer) or (isinstance(seed, int) and not isinstance(seed, bool)):
        return int(seed)
    if isinstance(seed, float | np.floating) and float(seed).is_integer():
        # Tables with a column of floats beside that of the seeds make floats of both.
        return int(seed)
    raise TypeError(f"{what} must be an integer, not {seed!r}.")


def checked_seeds(seeds: Iterable[Any], what: str = "A seed") -> list[int]:
    """`checked_seed` of each."""
    checked = list(seeds)
    if set(map(type, checked)) != _INTS:
        checked = [checked_seed(seed, what) for seed in checked]
    return checked


def checked_size(n: Any) -> int:
    """For how many points is asked, an int that is not negative.

    Raises
    ------
    TypeError, ValueError
        If it is something else.
    """
    if type(n) is not int:
        n = operator.index(n)
    if n < 0:
        raise ValueError(f"Cannot ask for {n} points; give 0 or more.")
    return int(n)


def checked_fraction(value: Any, name: str, *, one_allowed: bool) -> float:
    """A number between 0, which is not allowed, and 1.

    Raises
    ------
    TypeError, ValueError
        If it is not a number, or not in that range.
    """
    number = as_real(value, name)
    if not 0 < number < 1 and not (one_allowed and number == 1):
        raise ValueError(f"{name} must be in (0, 1{']' if one_allowed else ')'}, not {value!r}.")
    return number


def checked_count(value: Any, name: str) -> int:
    """An integer.

    Raises
    ------
    TypeError
        If it is something else.
    """
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, not {value!r}.") from None
