"""Choose the next points from the ranks of the open intervals of a `Learner1D`."""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from adaptive_dask.learner.intervals.interval_losses import IntervalLosses
from adaptive_dask.learner.intervals.points_on_line import PointsOnLine
from adaptive_dask.learner.intervals.slot_index import Slots

# Below this number of points, choosing them one by one is faster than NumPy.
_FEW = 12


@dataclass
class Choices:
    """The points that were chosen.

    Attributes
    ----------
    points : list of float
    before : list of float
        The predecessor of each point in the chain, after all earlier choices were inserted.
    improvements : list of float
        The expected reduction of the loss by each point.
    intervals : array of int, or None
        If every point divides a different interval of the chain, the slots of their left ends.
    taken : list of (item, priority)
        The entries that were taken out of `IntervalLosses.open_queue`.
    """

    points: list[float] = field(default_factory=list)
    before: list[float] = field(default_factory=list)
    improvements: list[float] = field(default_factory=list)
    intervals: Slots | None = None
    taken: list[tuple[int, float]] = field(default_factory=list)

    def add(self, x: float, before: float, improvement: float) -> None:
        """Add a point."""
        self.points.append(x)
        self.before.append(before)
        self.improvements.append(improvement)

    def extend(self, more: Choices) -> Choices:
        """Add further choices, and return these."""
        if not self.points:
            return more
        return Choices(
            self.points + more.points,
            self.before + more.before,
            self.improvements + more.improvements,
            taken=self.taken + more.taken,
        )


def choose(line: PointsOnLine, losses: IntervalLosses, bounds: tuple[float, float], n: int, width: float) -> Choices:
    """Choose n points: missing bounds first, then points that divide the intervals of the highest ranks.

    Parameters
    ----------
    line : PointsOnLine
    losses : IntervalLosses
    bounds : pair of float
    n : int
    width : float
        The width of the sampled box.

    Returns
    -------
    choices : Choices
        Fewer than n if there are no more floating-point numbers between the bounds.
    """
    low, high = bounds
    split = losses.traits.split
    missing = [bound for bound in bounds if bound not in line.slots]
    if n >= _FEW and not missing and losses.ranking.width == width:
        one_each = choose_one_each(line, losses, n, high - low)
        if one_each is not None:
            return one_each
    nothing = not line.after_at[0]
    first, last = (high, low) if nothing else (line.x_at[line.after_at[0]], line.x_at[line.before_at[0]])
    choices = Choices()
    for bound in missing[:n]:
        choices.add(bound, math.nan if bound == low else last, math.inf)
    n -= len(missing)
    if n <= 0:
        return choices
    if nothing and split is None:
        even = np.linspace(low, high, n + 2)
        points = np.unique(np.floor(even + 0.5) if losses.only_whole else even).tolist()
        return Choices(points, [math.nan, *points[:-1]], [math.inf] * len(points))
    unknown = [(low, first)] * (low in missing)
    if not nothing:
        unknown += [(last, high)] * (high in missing)
    if split is None:
        return choices.extend(choose_equal_pieces(line, losses, n, unknown, width))
    return choices.extend(choose_one_by_one(line, losses, n, unknown, high - low))


def choose_one_each(line: PointsOnLine, losses: IntervalLosses, n: int, width: float) -> Choices | None:
    """Choose a point in each of the n intervals of the highest ranks, if choosing one by one gives the same.

    It does if no piece ranks as high as the last of the n intervals, as usual if n is small compared to the number of
    intervals.

    Parameters
    ----------
    line : PointsOnLine
    losses : IntervalLosses
    n : int
    width : float
        The length of the whole domain.

    Returns
    -------
    choices : Choices, or None
        None if an interval would get more than one point; then nothing is changed.
    """
    queue, (order, split) = losses.open_queue, (losses.traits.order, losses.traits.split)
    items, priorities = queue.pop_many(n)
    intervals = np.array(items, dtype=np.intp)
    a, b = line.x[intervals], line.x[line.after[intervals]]
    lengths = b - a
    if split is None:
        fractions = np.full(len(items), 0.5)
    else:
        fractions = np.array([split(length) for length in (lengths / width).tolist()])
    points = a + fractions * lengths
    if losses.only_whole:
        points = np.clip(np.floor(points + 0.5), a + 1, b - 1)
        fractions = (points - a) / lengths
    loss = losses.open[intervals]
    # the larger piece has the larger share
    larger = np.maximum(fractions, 1 - fractions)
    pieces = loss * larger**order
    ranks = losses.ranking.ranks(pieces, larger * lengths)
    inside = (a < points) & (points < b)
    if len(items) < n or not inside.all() or ranks.max() >= priorities[-1]:
        queue.set_many(intervals, np.array(priorities))
        return None
    taken = list(zip(items, priorities, strict=True))
    if split is None:
        sequence = np.lexsort((a, -ranks))
        improvements = pieces
    else:
        sequence = np.arange(n)
        improvements = np.where(np.isfinite(loss), loss - np.where(np.isfinite(loss), pieces, 0.0), loss)
    return Choices(
        points[sequence].tolist(), a[sequence].tolist(), improvements[sequence].tolist(), intervals[sequence], taken
    )


class _Divided(NamedTuple):
    """An interval in ``pieces`` equal pieces of loss ``loss`` each; the sort order is that of the ranks."""

    negative_rank: float
    tie_break: tuple[float, float]
    a: float
    b: float
    pieces: int
    loss: float


def choose_equal_pieces(
    line: PointsOnLine,
    losses: IntervalLosses,
    n: int,
    unknown: Sequence[tuple[float, float]],
    width: float,
) -> Choices:
    """Distribute n points over the intervals so that the largest loss of a piece is minimal.

    An interval that gets k points is divided into k + 1 equal pieces, among which its loss is shared
    equally: the rule of python-adaptive.

    Parameters
    ----------
    line : PointsOnLine
    losses : IntervalLosses
    n : int
    unknown : sequence of pair of float
        Intervals that are not in the chain, because a bound is missing.
    width : float
        The width of the sampled box.

    Returns
    -------
    choices : Choices
        Fewer than n if no other interval contains a floating-point number.
    """
    queue, ranking, order = losses.open_queue, losses.ranking, losses.traits.order
    whole = losses.only_whole

    def divided(a: float, b: float, pieces: int, loss: float) -> _Divided:
        length = (b - a) / pieces
        rank = ranking.rank(loss, length, width)
        return _Divided(-rank, ranking.tie_break(a, length, rank), a, b, pieces, loss)

    heap = [divided(a, b, 1, math.inf) for a, b in unknown if not whole or b - a >= 2]
    heapq.heapify(heap)
    full: list[_Divided] = []
    taken: list[tuple[int, float]] = []
    for _ in range(n):
        while True:
            item = queue.peek()
            if item is not None:
                a, b, loss = line.x_at[item], line.x_at[line.after_at[item]], losses.open_at[item]
                if not heap or _comes_first(divided(a, b, 1, loss), heap[0]):
                    taken.append((item, queue.priority(item)))
                    queue.pop()
                    heapq.heappush(heap, divided(a, b, 2, loss / 2**order))
                    break
            if not heap:
                return _points(full, taken, whole)
            top = heapq.heappop(heap)
            k = top.pieces
            if not _can_divide(top.a, top.b, k + 1, whole):
                full.append(top)
                continue
            share = top.loss * k / (k + 1) if order == 1 else top.loss * (k / (k + 1)) ** order
            heapq.heappush(heap, divided(top.a, top.b, k + 1, share))
            break
    return _points(full + heap, taken, whole)


def _comes_first(fresh: _Divided, top: _Divided) -> bool:
    """Return whether an interval is divided before ``top`` is divided further."""
    if fresh.negative_rank != top.negative_rank:
        return fresh.negative_rank < top.negative_rank
    # For equal ranks: intervals from left to right, then their pieces from left to right.
    return (fresh.tie_break[0], -fresh.a) < (top.tie_break[0], -top.a)


def _can_divide(a: float, b: float, pieces: int, whole: bool) -> bool:
    length = (b - a) / pieces
    if whole:
        return length >= 1
    # Steps much longer than the resolution give distinct points, unless they are denormal.
    if length > 1e-300 and length > 1e-15 * max(-a, b):
        return True
    points = [a, *_inner_points(a, b, pieces, whole), b]
    return all(p < q for p, q in pairwise(points))


def _inner_points(a: float, b: float, pieces: int, whole: bool) -> list[float]:
    step = (b - a) / pieces
    if whole:  # distinct, because a step is at least one
        return [a + math.floor(step * i + 0.5) for i in range(1, pieces)]
    return [a + step * i for i in range(1, pieces)]


def _points(intervals: list[_Divided], taken: list[tuple[int, float]], whole: bool) -> Choices:
    choices = Choices(taken=taken)
    for _, _, a, b, pieces, loss in sorted(intervals, key=lambda i: (i.negative_rank, i.a, i.b)):
        before = a
        for x in _inner_points(a, b, pieces, whole):
            choices.add(x, before, loss)
            before = x
    return choices


def choose_one_by_one(
    line: PointsOnLine, losses: IntervalLosses, n: int, unknown: Sequence[tuple[float, float]], x_scale: float
) -> Choices:
    """Divide the interval of the highest rank n times, at the fraction that the loss function returns.

    Parameters
    ----------
    line : PointsOnLine
    losses : IntervalLosses
        Losses with a `LossTraits.split`.
    n : int
    unknown : sequence of pair of float
        Intervals that are not in the chain, because a bound is missing.
    x_scale : float
        The length of the whole domain.

    Returns
    -------
    choices : Choices
        Fewer than n if no other interval contains a floating-point number.
    """
    queue, order, split = losses.open_queue, losses.traits.order, losses.traits.split
    assert split is not None
    heap: list[tuple[float, tuple[float, float], float, float, float]] = []

    def add(a: float, b: float, loss: float) -> None:
        rank = losses.ranking.rank(loss, b - a)
        heapq.heappush(heap, (-rank, losses.ranking.tie_break(a, b - a, rank), a, b, loss))

    for a, b in unknown:
        add(a, b, math.inf)
    choices = Choices()
    while len(choices.points) < n:
        item = queue.peek()
        if item is not None and (not heap or -queue.priority(item) < heap[0][0]):
            choices.taken.append((item, queue.priority(item)))
            queue.pop()
            a, b, loss = line.x_at[item], line.x_at[line.after_at[item]], losses.open_at[item]
        elif heap:
            _, _, a, b, loss = heapq.heappop(heap)
        else:
            break
        x = a + split((b - a) / x_scale) * (b - a)
        if losses.only_whole:
            if b - a < 2:
                continue
            x = min(max(math.floor(x + 0.5), a + 1), b - 1)
        if not a < x < b:
            x = a + 0.5 * (b - a)
            if not a < x < b:
                continue
        left, right = (((end - start) / (b - a)) ** order * loss for start, end in ((a, x), (x, b)))
        choices.add(x, a, loss - max(left, right) if math.isfinite(loss) else loss)
        add(a, x, left)
        add(x, b, right)
    return choices
