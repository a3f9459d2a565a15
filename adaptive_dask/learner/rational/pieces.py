"""A function as a sequence of parts on which it is smooth, with borders between them."""

from __future__ import annotations

import bisect
import dataclasses
import itertools
import math
from typing import Literal

import numpy as np

from adaptive_dask.learner.rational.border import Border
from adaptive_dask.learner.rational.breaks import find_break
from adaptive_dask.learner.rational.fit import MAX_ORDER
from adaptive_dask.learner.rational.interpolator import Lines, Piece
from adaptive_dask.learner.rational.part import Part, relative
from adaptive_dask.types import Array

Reason = Literal["break", "singularity", "size"]

# A point in a gap belongs to the side that predicted it with an error below this fraction of the mismatch.
_BELONGS = 0.2
# A refuted division is repeated only in a gap that is narrower by this factor.
_NARROWER = 8.0
# Samples closer to each other than this fraction of a part indicate a singularity, from this many samples on.
_CLUSTER = 1e-9
_CLUSTER_FROM = 60
# `done` requires this many samples, and gaps no longer than the distance of the bounds divided by this number.
_LEAST_SAMPLES = 16
_LEAST_GAPS = 12


class Pieces:
    """The approximation of a function between the bounds.

    Parameters
    ----------
    bounds : (float, float)
    tolerance : float
        Target error, relative to the range of the values.
    least : float, default: 0
        Minimum length of a gap that can be divided. Shorter ones have no error.
    """

    def __init__(self, bounds: tuple[float, float], tolerance: float, least: float = 0.0) -> None:
        self.bounds = bounds
        self.tolerance = tolerance
        self.least = least
        self.parts: list[Part] = []
        self.borders: list[Border] = []
        self.scale: Array = np.ones(1)
        self._low: Array = np.empty(0)
        self._high: Array = np.empty(0)
        self._size: Array = np.empty(0)
        self._refuted: list[tuple[float, float]] = []
        self._is_spread = False
        self._unknown = list(bounds)

    # -- results ---------------------------------------------------------------------------------

    def reach(self, x: float) -> None:
        """Record that the value at ``x``, which may be a bound, is known."""
        if x in self._unknown:
            self._unknown.remove(x)
            for part in self.parts:
                part.ends = [end for end in part.ends if end != x]

    def insert(self, x: float, y: Array) -> None:
        """Add a finite value, shape (M,)."""
        self._include(y)
        if not self.parts:
            self.parts = [Part(self._unknown)]
        k = bisect.bisect_right([part.x[0] for part in self.parts[1:]], x)
        part = self.parts[k]
        if k + 1 < len(self.parts) and part.x and x > part.x[-1]:
            self._insert_at_border(k, x, y)
        else:
            part.insert(x, y, self.scale, self.tolerance)

    def _include(self, y: Array) -> None:
        parts = (y.real, y.imag) if np.iscomplexobj(y) else (y.real, np.zeros(len(y)))
        both = np.stack(parts)
        if not len(self._size):
            self._low, self._high, self._size = both.copy(), both.copy(), np.abs(y)
        np.minimum(self._low, both, out=self._low)
        np.maximum(self._high, both, out=self._high)
        self._size = np.maximum(self._size, np.abs(y))
        extent = (self._high - self._low).max(axis=0)
        # A component that is constant, or rounding noise relative to the others, has no scale of its own.
        least = np.maximum(1e-12 * self._size.max(), 64 * np.finfo(float).eps * self._size)
        extent = np.where(extent > least, extent, np.where(self._size > 0, self._size, 1.0))
        tiny = extent < least
        self.scale = np.where(tiny, least, extent)

    def _insert_at_border(self, k: int, x: float, y: Array) -> None:
        left, right, border = self.parts[k], self.parts[k + 1], self.borders[k]
        at = np.array([x])
        with np.errstate(all="ignore"):
            misses = [relative(np.abs(each.evaluate(at)[0] - y), self.scale) for each in (left, right)]
        misses = [miss if np.isfinite(miss) else np.inf for miss in misses]
        sure = border.mismatch <= self.tolerance or all(p.is_sure(self.scale, self.tolerance) for p in (left, right))
        if max(misses) <= self.tolerance and left.n > 2 and right.n > 2 and sure:
            better, worse = (left, right) if misses[0] <= misses[1] else (right, left)
            better.add(x, y)
            worse.extend(x, y)
            border.closed_with = max(misses)
        elif (
            border.is_singular
            or min(misses) <= max(_BELONGS * border.mismatch, self.tolerance)
            or self._narrow(left, right)
        ):
            nearer = 0 if misses[0] <= misses[1] else 1
            if not np.isfinite(min(misses)):
                nearer = 0 if x - left.x[-1] < right.x[0] - x else 1
            self._add_to((left, right)[nearer], x, y, misses[nearer])
        else:
            self._merge(k)
            self.parts[k].insert(x, y, self.scale, self.tolerance)
            return
        border.update(left, right, self.scale, self.tolerance)

    def _add_to(self, part: Part, x: float, y: Array, miss: float) -> None:
        part.add(x, y)
        if miss > 0.5 * self.tolerance:
            part.stale = True

    def _narrow(self, left: Part, right: Part) -> bool:
        return right.x[0] - left.x[-1] < 1e-9 * (self.bounds[1] - self.bounds[0])

    # -- parts -----------------------------------------------------------------------------------

    def update(self) -> None:
        """Fit the parts that have changed, and divide parts where the function breaks."""
        k = 0
        while k < len(self.parts):
            part = self.parts[k]
            if part.n and part.update(self.scale, self.tolerance):
                cut = self._where_to_divide(part)
                if cut is not None:
                    self._divide(k, *cut)
                    continue
                for j in (k - 1, k):
                    if 0 <= j < len(self.borders) and self.parts[j + 1].rational and self.parts[j].rational:
                        self.borders[j].update(self.parts[j], self.parts[j + 1], self.scale, self.tolerance)
            k += 1

    def _where_to_divide(self, part: Part) -> tuple[int, Reason] | None:
        """Return the sample after which to divide a part, and the reason, or None."""
        assert part.rational is not None
        if part.rational.converged or part.noise is not None or part.n < 8 or part.n <= part.breaks.tested_with:
            return None
        part.breaks.tested_with = part.n
        x, y = part.table()
        least = max(10 * self.tolerance, 12 * part.pairs.sigma(self.scale))
        if part.active == "smooth" and part.smooth is not None:
            least = max(least, 10 * part.smooth.spread)
        i = find_break(x, y / self.scale, least)
        found = None if i is None else (float(x[i]), float(x[i + 1]))
        gap = found if found and not self._was_refuted(*found) else None
        if part.breaks.confirms(gap, part.n) and i is not None:
            return i, "break"
        width = self.bounds[1] - self.bounds[0]
        if part.n >= _CLUSTER_FROM and part.active != "smooth" and part.claim(self.scale) > 10 * self.tolerance:
            gaps = np.diff(x)
            i = int(gaps.argmin())
            inside = 4 <= i < len(gaps) - 4
            if inside and gaps[i] < _CLUSTER * (x[-1] - x[0]) and x[-1] - x[0] > 1e-6 * width:
                return i, "singularity"
        if part.n > 2.2 * MAX_ORDER and part.rational.model.order >= 0.8 * MAX_ORDER:
            return part.n // 2, "size"
        return None

    def _was_refuted(self, a: float, b: float) -> bool:
        return any(low < b and a < high and b - a > (high - low) / _NARROWER for low, high in self._refuted)

    def _divide(self, k: int, i: int, reason: Reason) -> None:
        part = self.parts[k]
        before = part.record.predictions()
        cut = i + 1
        left = Part.of(part.x[:cut], part.y[:cut], before, [e for e in part.ends if e < part.x[0]])
        first = i if reason == "size" else cut  # parts of a smooth function share a sample
        right = Part.of(part.x[first:], part.y[first:], before, [e for e in part.ends if e > part.x[-1]])
        self.parts[k : k + 1] = [left, right]
        self.borders.insert(k, Border(is_singular=reason == "singularity"))
        for each in (left, right):
            each.update(self.scale, self.tolerance)
        self.borders[k].update(left, right, self.scale, self.tolerance)

    def _merge(self, k: int) -> None:
        left, right = self.parts[k : k + 2]
        self._refuted.append((left.x[-1], right.x[0]))
        rest = 1 if left.x[-1] == right.x[0] else 0
        predictions = [*left.record.predictions(), *right.record.predictions()]
        ends = left.ends + right.ends
        part = Part.of(left.x + right.x[rest:], left.y + right.y[rest:], predictions, ends)
        self.parts[k : k + 2] = [part]
        del self.borders[k]
        part.update(self.scale, self.tolerance)

    # -- errors ----------------------------------------------------------------------------------

    def validated(self, part: Part) -> bool:
        """Return whether the part's approximation predicted enough values, or has no room for more points."""
        return part.is_tested or self._crowded(part)

    def _crowded(self, part: Part) -> bool:
        width = part.x[-1] - part.x[0]
        return len(self.parts) > 1 and (width < self.least or width <= 1e-9 * (self.bounds[1] - self.bounds[0]))

    def done(self) -> bool:
        """Return whether the error is known to be below the tolerance, or at the level of the noise."""
        if not self.is_accurate():
            return False
        if not self._is_spread:
            x = np.concatenate([part.x for part in self.parts])
            gap = np.diff(x).max()
            gap = max([gap, *(min(abs(x[0] - end), abs(x[-1] - end)) for end in self._unknown)])
            self._is_spread = bool(gap <= (self.bounds[1] - self.bounds[0]) / _LEAST_GAPS)
        return self._is_spread

    def is_accurate(self) -> bool:
        """Return whether the error is small enough everywhere, except for features that large gaps may hide."""
        if sum(part.n for part in self.parts) < _LEAST_SAMPLES or not all(map(self.validated, self.parts)):
            return False
        noise = max((relative(part.noise, self.scale) for part in self.parts if part.noise is not None), default=0.0)
        return self.claim() <= max(self.tolerance, 4 * noise)

    def claim(self) -> float:
        """Return the largest error anywhere, relative to the scale."""
        if not self.parts:
            return np.inf
        claims = [0.0 if self._crowded(part) else part.claim(self.scale, self.least) for part in self.parts]
        sides = itertools.pairwise(self.parts)
        claims += [
            border.claim(left, right, self.scale, self.least)
            for border, (left, right) in zip(self.borders, sides, strict=True)
        ]
        return max(claims)

    def noise(self) -> Array:
        """Return the standard deviation of the noise of each component; 0 where none was found."""
        found = [part.noise for part in self.parts if part.noise is not None]
        return np.max(found, axis=0) if found else np.zeros(len(self.scale))

    def segments(self, missing: list[float]) -> list[Piece]:
        """Return the approximations from the lower bound to the upper one.

        Parameters
        ----------
        missing : list of float
            Points without a finite value, ascending.
        """
        if not self.parts:
            raise ValueError("There must be a finite value to interpolate, got none yet. Tell some first.")
        pieces: list[Piece] = []
        for k, part in enumerate(self.parts):
            start = self.bounds[0] if not k else part.x[0]
            piece = part.piece(start, self.scale)
            pieces.append(piece)
            if k + 1 < len(self.parts):
                pieces += self._across(k, piece)
        return _without(pieces, missing, [x for part in self.parts for x in part.x], self.bounds)

    def _across(self, k: int, before: Piece) -> list[Piece]:
        """Return the approximations between a part and the next one."""
        left, right, border = self.parts[k], self.parts[k + 1], self.borders[k]
        a, b = left.x[-1], right.x[0]
        if a == b:
            return []
        if border.crossing is not None:
            return [right.piece(border.crossing, self.scale)]
        error = np.abs(right.y[0] - left.y[-1])
        # The last sample still belongs to the part.
        line = Lines(np.array([a, b]), np.array([left.y[-1], right.y[0]]))
        return [Piece(math.nextafter(a, math.inf), line, None, 1.0, error)]


def _without(pieces: list[Piece], missing: list[float], known: list[float], bounds: tuple[float, float]) -> list[Piece]:
    """Return the pieces, with holes between adjacent points without values."""
    if len(missing) < 2:
        return pieces
    points = sorted([(x, False) for x in missing] + [(x, True) for x in set(known)])
    result = list(pieces)
    for (a, a_known), (b, b_known) in itertools.pairwise(points):
        if a_known or b_known:
            continue
        starts = [piece.start for piece in result]
        first, last = bisect.bisect_left(starts, a), bisect.bisect_right(starts, b) - 1
        hole = dataclasses.replace(result[last], start=a, value=None, other=None)
        after = dataclasses.replace(result[last], start=math.nextafter(b, math.inf))
        result[first : last + 1] = [hole, after] if b < bounds[1] else [hole]
        if not first:
            result[0] = dataclasses.replace(result[0], start=bounds[0])
    return result
