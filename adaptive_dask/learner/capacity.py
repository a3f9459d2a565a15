"""The growth of arrays to which items are added one at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# From this many items on, arrays grow by an eighth, so that little memory is unused.
_MANY = 1 << 15


def next_capacity(capacity: int) -> int:
    """Return the next larger capacity of an array that is full."""
    return 2 * capacity if capacity < _MANY else capacity + capacity // 8


def longer(array: NDArray[Any], size: int, fill: float = 0) -> NDArray[Any]:
    """Return an array that is extended along its first axis, unless it has at least this length.

    Parameters
    ----------
    array : ndarray
    size : int
        The new length.
    fill : float, default: 0
        The value of the new items.
    """
    if size <= len(array):
        return array
    missing = np.full((size - len(array), *array.shape[1:]), fill, dtype=array.dtype)
    return np.concatenate([array, missing])
