"""Points on a line at which a random function was sampled several times."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping

from adaptive_dask.learner.averaging.moments import Moments


class SampledPoint:
    """A point and its samples.

    Parameters
    ----------
    x : float
    slot : int
        The slot of the point in the `PointsOnLine`.

    Attributes
    ----------
    samples : dict, int → float
        The values by seed.
    moments : Moments
        The moments of the values.
    error : float
        Half the width of the confidence interval of the mean.
    relative_error : float or None
        The error relative to the distance to the nearest neighbour on the graph; None if the point is not sampled
        again.
    pending : set of int
        The seeds that are being evaluated.
    """

    __slots__ = ("_next_seed", "error", "moments", "pending", "relative_error", "samples", "slot", "x")

    def __init__(self, x: float, slot: int) -> None:
        self.x = x
        self.slot = slot
        self.samples: dict[int, float] = {}
        self.moments = Moments()
        self.error = math.inf
        self.relative_error: float | None = None
        self.pending: set[int] = set()
        self._next_seed = 0

    @property
    def n(self) -> int:
        """The number of samples."""
        return len(self.samples)

    @property
    def n_requested(self) -> int:
        """The number of samples and pending samples."""
        return len(self.samples) + len(self.pending)

    def take_seeds(self, n: int) -> list[int]:
        """Take the n smallest seeds that are neither known nor pending; they become pending."""
        seed, samples, pending = self._next_seed, self.samples, self.pending
        seeds: list[int] = []
        while len(seeds) < n:
            if seed not in samples and seed not in pending:
                seeds.append(seed)
            seed += 1
        pending.update(seeds)
        self._next_seed = seed
        return seeds

    def forget(self, seed: int) -> None:
        """Make a pending seed available again."""
        self.pending.discard(seed)
        self._next_seed = min(self._next_seed, seed)


class PointAttribute(Mapping[float, float]):
    """A property of each sampled point, as a read-only mapping ``{x: value}``.

    Parameters
    ----------
    points : mapping, float → SampledPoint
        The points; those without samples are omitted.
    read : callable, SampledPoint → float or None
        Returns the property, or None for points to omit.
    """

    def __init__(self, points: Mapping[float, SampledPoint], read: Callable[[SampledPoint], float | None]) -> None:
        self._points = points
        self._read = read

    def __getitem__(self, x: float) -> float:
        point = self._points[x]
        value = self._read(point) if point.samples else None
        if value is None:
            raise KeyError(x)
        return value

    def __iter__(self) -> Iterator[float]:
        return (x for x, point in list(self._points.items()) if point.samples and self._read(point) is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return repr(dict(self))
