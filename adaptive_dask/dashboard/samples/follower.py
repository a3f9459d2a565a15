"""The base class of followers, and the protocol of their charts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Reversible
from itertools import islice
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from adaptive_dask.dashboard.patch import Patch

Floats = NDArray[np.float64]

# Maximum number of results per reading. A page that was just opened needs several readings for a large run.
MOST_NEW = 100_000

# Number of newest results that are marked, and of points in flight that are shown.
NEWEST = 40
MOST_PENDING = 300


class Chart(Protocol):
    """Draws the data that a follower prepared."""

    root: Any

    def show(self, data: Any, patch: Patch) -> None: ...


class Follower(ABC):
    """Follows the data of one learner for one open page.

    Attributes
    ----------
    behind : bool
        True if there is more to read.
    position : int
        Number of entries of the data that were read.
    components : object
        A chart is replaced when this changes: the number of lines, or the coordinates of a plane.
    """

    behind = False
    position = 0
    components: Any = None

    def __init__(self, learner: Any) -> None:  # noqa: B027  some need nothing of it
        """Start to follow a learner."""

    @abstractmethod
    def read(self, learner: Any, pending: list[Any]) -> Any:
        """Read new data. Called in the learner's thread, so it must be quick."""

    @abstractmethod
    def prepare(self, raw: Any) -> Any:
        """Convert data for the chart. Called in any thread, while the learner continues its work."""

    @abstractmethod
    def make_chart(self) -> Chart:
        """Return an empty chart."""

    def take(self, data: Mapping[Any, Any]) -> tuple[list[Any], list[Any]]:
        """Return the new keys and values of a mapping that only grows, in portions."""
        end = min(len(data), self.position + MOST_NEW)
        back = len(data) - self.position
        if back < MOST_NEW and isinstance(data, Reversible):
            # From the end, because an iteration from the start would visit all known entries.
            keys = list(islice(reversed(data), back))[::-1]
        else:
            keys = list(islice(data, self.position, end))
        self.position = end
        self.behind = end < len(data)
        return keys, [data[key] for key in keys]


def as_floats(values: list[Any]) -> Floats:
    """Return values as an array of shape (n, components), with NaN for values that are not numbers."""
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
