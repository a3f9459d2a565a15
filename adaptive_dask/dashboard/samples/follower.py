"""The base class of followers, and the protocol of their charts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Reversible, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any, Protocol
from weakref import ReferenceType, ref

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
    _data: ReferenceType[Any] | None = None  # what was read last

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

    def start_over(self) -> None:
        """Forget all that was read, to read it again."""
        self.position = 0
        self.behind = True

    def follow(self, data: Mapping[Any, Any]) -> None:
        """Start over if the learner has replaced its data, as `forget_failures` does; call this before reading them."""
        known = data if self._data is None else self._data()
        if known is not data or len(data) < self.position:
            self.start_over()
        with suppress(TypeError):  # the dict of a custom learner cannot be referenced weakly
            self._data = ref(data)

    def take(self, data: Mapping[Any, Any]) -> tuple[list[Any], list[Any]]:
        """Return the new keys and values of a mapping that grows or is replaced, in portions."""
        self.follow(data)
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


def with_gaps(learner: Any, points: Sequence[Any] | Floats, values: Floats) -> Floats:
    """Return values with NaN only at points where the function has no value; another NaN becomes infinite.

    Parameters
    ----------
    learner : BaseLearner
    points : sequence
        The points, as ``learner.infeasible`` has them.
    values : array of shape (n, components)
    """
    reasons = getattr(learner, "infeasible", {})
    strange = np.isnan(values)
    for i in np.flatnonzero(strange.all(axis=1)).tolist():
        if points[i] in reasons:
            strange[i] = False
    return np.where(strange, np.inf, values)


def describe_gaps(count: int, marks: str = "") -> str:
    """Return the number of points without a value as a part of a note; empty if there are none."""
    return f", {count:,} of them infeasible{marks}" if count else ""


def count_gaps(learner: Any) -> int:
    """Return the number of points without a value."""
    return len(getattr(learner, "infeasible", ()))


def _as_float(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")
