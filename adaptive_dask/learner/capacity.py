"""The growth of arrays to which items are added one at a time."""

from __future__ import annotations

# From this many items on, arrays grow by an eighth, so that little memory is unused.
_MANY = 1 << 15


def next_capacity(capacity: int) -> int:
    """Return the next larger capacity of an array that is full."""
    return 2 * capacity if capacity < _MANY else capacity + capacity // 8
