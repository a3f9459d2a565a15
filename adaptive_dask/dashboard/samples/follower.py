"""What followers of all kinds share."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from adaptive_dask.dashboard.patch import Patch

Floats = NDArray[np.float64]

# At one reading so many results are taken over at most; a page that was just opened needs a few for a large run.
MOST_NEW = 100_000

# So many of the last results are marked, and so many points on their way are shown.
NEWEST = 40
MOST_PENDING = 300


class Chart(Protocol):
    """Draws what a follower prepared."""

    root: Any

    def show(self, data: Any, patch: Patch) -> None: ...


class Follower(Protocol):
    """Follows the data of one learner for one open page.

    Attributes
    ----------
    behind : bool
        Whether there is more to read than was read.
    """

    behind: bool

    def read(self, learner: Any, pending: list[Any]) -> Any:
        """Take what is new; in the learner's thread, so it had better be quick."""

    def prepare(self, raw: Any) -> Any:
        """Make of it what the chart shows; in some thread, while the learner is at work again."""

    def make_chart(self) -> Chart:
        """An empty chart."""


class NewEntries:
    """Takes the entries of a mapping that only grows, some at a time."""

    def __init__(self) -> None:
        self.position = 0
        self.behind = False

    def take(self, data: Mapping[Any, Any]) -> tuple[list[Any], list[Any]]:
        """The keys and values that are new."""
        end = min(len(data), self.position + MOST_NEW)
        back = len(data) - self.position
        if back < MOST_NEW and hasattr(data, "__reversed__"):
            # From the end, since an iteration from the beginning would pass all that is known.
            keys = list(islice(reversed(data), back))[::-1]
        else:
            keys = list(islice(data, self.position, end))
        self.position = end
        self.behind = end < len(data)
        return keys, [data[key] for key in keys]


def as_floats(values: list[Any]) -> Floats:
    """Values as an array of shape (n, components); of what is no number, NaN."""
    try:
        array = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        array = np.array([_as_float(value) for value in values], dtype=float)
    return array.reshape(len(values), -1) if len(values) else np.empty((0, 1))


def _as_float(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")
