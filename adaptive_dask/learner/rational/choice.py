"""Choice of the next points of a `RationalLearner1D`."""

from __future__ import annotations

import bisect
import heapq
import itertools
import math
from collections.abc import Iterable, Sequence

import numpy as np

from adaptive_dask.learner.losses.interpolation import even_split
from adaptive_dask.learner.rational.model_poles import VISITED
from adaptive_dask.learner.rational.part import Part
from adaptive_dask.learner.rational.pieces import Pieces
from adaptive_dask.types import Array

# One point in this many goes into the largest gap, independently of the approximations. There are fewer of these from
# this many points on.
_SHARE = 5
_LATER_SHARE, _SHARE_FALLS = 8, 40
# Number of points that are evenly distributed before the approximations are used.
_FIRST = 6
_SECTIONS, _EIGHTHS = np.arange(1, 16) / 16, np.arange(1, 8) / 8
# Smaller expected errors are rounding errors.
_NOTHING = 1e-13
# Factor on the score of a candidate for each point in flight in the same gap.
_IN_FLIGHT = 0.1
# In a part with fewer samples, all errors count, including those of earlier approximations. Until these are small, the
# part is tested further.
_FEW = 12
# Expected error at a singularity, in units of the tolerance, until the approximation is tested there.
_SINGULAR_FIRST = 3.0
# Priority of a jump over the parts beside it, to be multiplied by the square root of its fraction of the domain.
_JUMP_FIRST = 300.0


class Gaps:
    """The gaps between all points, known or in flight.

    Parameters
    ----------
    points : iterable of float
    width : float
        Distance between the bounds.
    only_whole : bool, default: False
        Whether only whole numbers can be points.
    """

    def __init__(self, points: Iterable[float], width: float, *, only_whole: bool = False) -> None:
        self.points = sorted(points)
        self._width = width
        self._only_whole = only_whole
        self._heap = [(a - b, a, b) for a, b in itertools.pairwise(self.points)]
        heapq.heapify(self._heap)

    def copy(self) -> Gaps:
        copy = Gaps((), self._width, only_whole=self._only_whole)
        copy.points, copy._heap = self.points.copy(), self._heap.copy()
        return copy

    def __contains__(self, x: float) -> bool:
        i = bisect.bisect_left(self.points, x)
        return i < len(self.points) and self.points[i] == x

    def add(self, x: float) -> None:
        i = bisect.bisect(self.points, x)
        self.points.insert(i, x)
        for a, b in zip(self.points[max(i - 1, 0) : i + 1], self.points[max(i - 1, 0) + 1 : i + 2], strict=False):
            heapq.heappush(self._heap, (a - b, a, b))

    def nearest(self, x: float, a: float, b: float) -> float:
        """Return the valid point between two others that is nearest to x; outside of them if there is none."""
        return min(max(math.floor(x + 0.5), a + 1.0), b - 1.0) if self._only_whole else x

    def free(self, x: float) -> float | None:
        """Return the valid point nearest to x in its gap, or None; x must not be a point already."""
        if not self._only_whole:
            return x
        i = bisect.bisect(self.points, x)
        if not 0 < i < len(self.points):
            return None
        a, b = self.points[i - 1], self.points[i]
        return self.nearest(x, a, b) if b - a >= 2 else None

    def in_largest(self) -> tuple[float, float] | None:
        """Return a point in the largest gap and its size relative to the bounds, or None if no gap can be divided."""
        while self._heap:
            size, a, b = self._heap[0]
            i = bisect.bisect_right(self.points, a)
            if i < len(self.points) and self.points[i] == b and self.points[i - 1] == a:
                x = self.nearest(a - size * even_split(-size / self._width), a, b)
                if not a < x < b:
                    x = self.nearest(a + (b - a) / 2, a, b)
                if a < x < b:
                    return x, -size / self._width
            heapq.heappop(self._heap)
        return None


class Candidates:
    """Candidates for the next points, with scores.

    Attributes
    ----------
    x : array, shape (n,)
    score : array, shape (n,)
        Expected errors relative to the range of the values, lowered near points in flight.
    """

    def __init__(self, pieces: Pieces, pending: Sequence[float], turn: int) -> None:
        found = [_in_part(part, pieces, turn) for part in pieces.parts]
        found += [_in_border(pieces, k) for k in range(len(pieces.borders))]
        found += [_at_poles(part, pieces) for part in pieces.parts]
        found += [_in_suspect(part) for part in pieces.parts if part.breaks.suspect]
        found += [_in_doubt(part) for part in pieces.parts if part.doubted and part.doubted[1] > pieces.tolerance]
        found += [_at_singularities(part, pieces) for part in pieces.parts if part.active == "rational"]
        found += [_beside(part) for part in pieces.parts if part.pairs.are_wanted]
        self.x, score, self._low, self._high, self._divides = (
            np.concatenate(each) for each in zip(*found, strict=True)
        )
        self.score = np.where(np.isfinite(score), np.minimum(score, 1e3 + 1), 1e3)
        self._nearest = np.minimum(self.x - self._low, self._high - self.x)
        for x in pending:
            self.take(x)

    def take(self, x: float) -> None:
        """Lower the scores near a point that is now in flight."""
        same = ((self._low < x) & (x < self._high)).nonzero()[0]
        if not len(same):
            return
        distance = np.abs(self.x[same] - x)
        factor = _IN_FLIGHT * np.minimum(1.0, 4 * distance / (self._high[same] - self._low[same])) ** 2
        # A break is located by dividing its gap repeatedly.
        nearest = np.minimum(self._nearest[same], distance)
        factor = np.where(self._divides[same] > 0, nearest / np.maximum(self._nearest[same], 1e-300), factor)
        self.score[same] *= factor
        self._nearest[same] = nearest

    def best(self) -> tuple[float, float] | None:
        if not len(self.x):
            return None
        i = int(self.score.argmax())
        return float(self.x[i]), float(self.score[i])


Found = tuple[Array, Array, Array, Array, Array]


def _in_part(part: Part, pieces: Pieces, turn: int) -> Found:
    """Return candidates between the samples of a part: x, score, the samples on both sides, and 0."""
    survey = part.survey(pieces.scale)
    if not len(survey.x):
        return (np.empty(0),) * 5
    x, at, i, score = np.array(part.x), survey.x, survey.gap, survey.error
    length = np.diff(x)
    middle = 1 - np.abs(2 * (at - x[i]) / length[i] - 1)
    if part.active == "linear" and (part.n >= 40 or pieces.borders) and turn % 2:
        score = part.line_errors(pieces.scale)[i] * middle
    if part.noise is None and not (part.is_tested and (part.n >= _FEW or part.claim(pieces.scale) <= pieces.tolerance)):
        # Test the approximation even where two fits agree.
        score = np.maximum(score, 2 * pieces.tolerance * survey.untested)
    return at, score, x[i], x[i + 1], np.zeros(len(at))


def _at_poles(part: Part, pieces: Pieces) -> Found:
    """Return candidates at poles without samples nearby, even if their gap has other points in flight."""
    poles, heights = part.unvisited(pieces.scale)
    reach = VISITED * np.abs(poles.imag)
    return poles.real, heights, poles.real - reach, poles.real + reach, np.zeros(len(poles))


def _in_border(pieces: Pieces, k: int) -> Found:
    left, right, border = pieces.parts[k], pieces.parts[k + 1], pieces.borders[k]
    a, b = left.x[-1], right.x[0]
    x = a + (b - a) / 2 if border.crossing is None or not a < border.crossing < b else border.crossing
    if not a < x < b:
        return (np.empty(0),) * 5
    claim = border.claim(left, right, pieces.scale)
    if border.crossing is None:
        # The error in a narrow gap affects a small part of the domain. In a wide gap, it is certain, while the errors
        # of the parts are only estimates.
        claim *= max(_JUMP_FIRST * ((b - a) / (pieces.bounds[1] - pieces.bounds[0])) ** 0.5, 3 * pieces.tolerance)
        at = a + (b - a) * _SECTIONS
        at = at[(a < at) & (at < b)]
        score = claim * (1 - np.abs(2 * (at - a) / (b - a) - 1))
        return at, score, np.full(len(at), a), np.full(len(at), b), np.ones(len(at))
    # While the crossing is in flight, the points beside it narrow the gap.
    at, score = np.array([x, (a + x) / 2, (x + b) / 2]), claim * np.array([1.0, 0.1, 0.1])
    return at, score, np.full(3, a), np.full(3, b), np.zeros(3)


def _in_doubt(part: Part) -> Found:
    """Return the point with the largest expected error of a tested approximation."""
    assert part.doubted is not None
    x, error = part.doubted
    i = bisect.bisect(part.x, x)
    a = part.x[i - 1] if i else min(part.ends, default=x)
    b = part.x[i] if i < part.n else max(part.ends, default=x)
    return np.array([x]), np.array([error]), np.array([a]), np.array([b]), np.zeros(1)


def _at_singularities(part: Part, pieces: Pieces) -> Found:
    """Return points where poles cluster, to test the approximation there first."""
    gaps = [] if part.is_tested else part.record.untested_gaps()
    a, at, b = np.array(gaps).reshape(-1, 3).T
    return at, np.full(len(at), _SINGULAR_FIRST * pieces.tolerance), a, b, np.zeros(len(at))


def _in_suspect(part: Part) -> Found:
    """Return candidates in a gap over which the function seems to break."""
    assert part.breaks.suspect is not None
    a, b = part.breaks.suspect
    at = a + (b - a) * _EIGHTHS
    at = at[(a < at) & (at < b)]
    if part.x[bisect.bisect_right(part.x, a)] < b:
        at = at[:0]
    score = 2e3 * (1 - np.abs(2 * (at - a) / (b - a) - 1))
    return at, score, np.full(len(at), a), np.full(len(at), b), np.ones(len(at))


def _beside(part: Part) -> Found:
    """Return candidates next to samples, to detect noise."""
    at = np.array(part.pairs.wanted(part.x))
    x = np.array(part.x)
    i = np.clip(np.searchsorted(x, at, side="right") - 1, 0, len(x) - 2)
    return at, np.full(len(at), 100.0), x[i], x[i + 1], np.zeros(len(at))


def _best_free(candidates: Candidates, gaps: Gaps) -> tuple[float, float] | None:
    """Return the best candidate that is valid and not a point yet; its score is 0 if there is none."""
    best = candidates.best()
    while best is not None and best[1] > 0:
        x, score = best
        place = None if x in gaps else gaps.free(x)
        if place is not None:
            return place, score
        candidates.take(x)
        candidates.score[candidates.x == x] = 0
        best = candidates.best()
    return best


def choose(pieces: Pieces, gaps: Gaps, pending: list[float], n: int) -> tuple[list[float], list[float]]:
    """Return the next n points, which are added to the gaps, and the errors expected there."""
    samples = sum(part.n for part in pieces.parts)
    points: list[float] = []
    errors: list[float] = []
    for bound in pieces.bounds:
        if len(points) < n and bound not in gaps:
            gaps.add(bound)
            points.append(bound)
            errors.append(np.inf)
    candidates: Candidates | None = None
    # Once the error is small, only large gaps are divided, because they may hide a feature.
    rational = all(part.active == "rational" for part in pieces.parts)
    done = pieces.is_accurate() if rational else pieces.done()
    # Breaks have priority over large gaps.
    breaks = any(border.crossing is None for border in pieces.borders) or any(
        part.breaks.suspect for part in pieces.parts
    )
    share = _SHARE if len(gaps.points) < _SHARE_FALLS and not breaks else _LATER_SHARE
    while len(points) < n:
        count = len(gaps.points)
        best = None
        if not done and count >= _FIRST and samples >= 4 and count % share and len(points) <= 2 * samples + 8:
            if candidates is None:
                candidates = Candidates(pieces, pending + points, count)
            best = _best_free(candidates, gaps)
        if best is None or best[1] <= _NOTHING or best[0] in gaps:
            best = gaps.in_largest()
            if best is None:
                break
        gaps.add(best[0])
        if candidates is not None:
            candidates.take(best[0])
        points.append(best[0])
        errors.append(best[1])
    return points, errors
