"""The growth of arrays to which items are added one at a time."""

from __future__ import annotations

import math
import mmap
from typing import Any

import numpy as np
from numpy.typing import NDArray

# From this many items on, arrays grow by an eighth, so that little memory is unused.
_MANY = 1 << 15

# Arrays of this size have pages of their own (bytes).
_LARGE = 1 << 20


def next_capacity(capacity: int) -> int:
    """Return the next larger capacity of an array that is full."""
    return 2 * capacity if capacity < _MANY else capacity + capacity // 8


def zeros(shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return zeros; if they are many, in pages of their own.

    Such pages take no memory before something is written to them, and are returned to the system with the array. glibc
    keeps memory of up to 32 MB that was freed, and an array that grows leaves a gap, which is too small for the next
    one.
    """
    size = math.prod(shape) * dtype.itemsize
    if size < _LARGE:
        return np.zeros(shape, dtype)
    pages = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    return np.frombuffer(pages, dtype).reshape(shape)


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
    result = zeros((size, *array.shape[1:]), array.dtype)
    result[: len(array)] = array
    if fill:
        result[len(array) :] = fill
    return result
