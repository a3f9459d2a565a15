"""Which points to ask next, from the ranks of the open intervals of a `Learner1D`."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

from adaptive_dask.learner.geometry.points_on_line import PointsOnLine
from adaptive_dask.learner.interval_losses import IntervalLosses


class Choice(NamedTuple):
    """A point to ask.

    Attributes
    ----------
    x : float
    before : float
        The point that comes before it in the chain, given that all earlier choices are in the chain.
    improvement : float
        By how much it is expected to reduce the loss.
    """

    x: float
    before: float
    improvement: float


class _Divided(NamedTuple):
    """An interval in ``pieces`` equal pieces of loss ``loss`` each; sorted as it is ranked."""

    negative_rank: float
    tie_break: tuple[float, float]
    a: float
    b: float
    pieces: int
    loss: float


def choose_equal_pieces(
    line: PointsOnLine, losses: IntervalLosses, n: int, unknown: Iterable[tuple[float, float]], resolution: float
) -> tuple[list[Choice], list[tuple[int, float]]]:
    """Distribute n points over the intervals so that the largest loss of a piece is as small as it can be.

    An interval that gets k points is divided into k + 1 equal pieces, among which its loss is shared
    equally: the rule of python-adaptive.

    Parameters
    ----------
    line : PointsOnLine
    losses : IntervalLosses
    n : int
    unknown : iterable of pair of float
        Intervals that are not in the chain yet, because a bound is missing.
    resolution : float
        Pieces at least this long are certain to have distinct ends.

    Returns
    -------
    choices : list of Choice
        Fewer than n if no other interval has a floating-point number inside.
    taken : list of (item, priority)
        What was taken out of ``losses.open_queue`` for it.
    """
    queue, order = losses.open_queue, losses.traits.order

    def divided(a: float, b: float, pieces: int, loss: float) -> _Divided:
        length = (b - a) / pieces
        return _Divided(-losses.rank(loss, length), losses.tie_break(a, length), a, b, pieces, loss)

    heap = [divided(a, b, 1, math.inf) for a, b in unknown]
    heapq.heapify(heap)
    full: list[_Divided] = []
    taken: list[tuple[int, float]] = []
    for _ in range(n):
        while True:
            item = queue.peek()
            if item is not None:
                rank = queue.priority(item)
                if not heap or -rank <= heap[0].negative_rank:
                    a = line.x_at[item]
                    b = line.x_at[line.after_at[item]]
                    if not heap or _comes_first(-rank, losses.tie_break(a, b - a), heap[0]):
                        queue.pop()
                        taken.append((item, rank))
                        heapq.heappush(heap, divided(a, b, 2, losses.open_at[item] / 2**order))
                        break
            if not heap:
                return _points(full), taken
            top = heapq.heappop(heap)
            k = top.pieces
            if not _can_divide(top.a, top.b, k + 1, resolution):
                full.append(top)
                continue
            share = top.loss * k / (k + 1) if order == 1 else top.loss * (k / (k + 1)) ** order
            heapq.heappush(heap, divided(top.a, top.b, k + 1, share))
            break
    return _points(full + heap), taken


def _comes_first(negative_rank: float, tie_break: tuple[float, float], top: _Divided) -> bool:
    """Whether an interval is to be divided before ``top`` is divided further."""
    if negative_rank != top.negative_rank:
        return negative_rank < top.negative_rank
    (length, a), (top_length, top_a) = tie_break, top.tie_break
    # Of equal ones, the intervals from left to right first and then their pieces from left to right.
    return (length, -a) < (top_length, -top_a)


def _can_divide(a: float, b: float, pieces: int, resolution: float) -> bool:
    if (b - a) / pieces >= resolution:
        return True
    points = [a, *_inner_points(a, b, pieces), b]
    return all(p < q for p, q in pairwise(points))


def _inner_points(a: float, b: float, pieces: int) -> list[float]:
    step = (b - a) / pieces
    return [a + step * i for i in range(1, pieces)]


def _points(intervals: list[_Divided]) -> list[Choice]:
    choices = []
    for _, _, a, b, pieces, loss in sorted(intervals, key=lambda i: (i.negative_rank, i.a, i.b)):
        before = a
        for x in _inner_points(a, b, pieces):
            choices.append(Choice(x, before, loss))
            before = x
    return choices


def choose_one_by_one(
    line: PointsOnLine, losses: IntervalLosses, n: int, unknown: Iterable[tuple[float, float]], x_scale: float
) -> tuple[list[Choice], list[tuple[int, float]]]:
    """Divide the interval of the highest rank in two, n times over, where the loss function says.

    Parameters
    ----------
    line : PointsOnLine
    losses : IntervalLosses
        Their `LossTraits.split` must be there.
    n : int
    unknown : iterable of pair of float
        Intervals that are not in the chain yet, because a bound is missing.
    x_scale : float
        The length of the whole domain.

    Returns
    -------
    choices : list of Choice
        Fewer than n if no other interval has a floating-point number inside.
    taken : list of (item, priority)
        What was taken out of ``losses.open_queue`` for it.
    """
    queue, order, split = losses.open_queue, losses.traits.order, losses.traits.split
    assert split is not None
    heap: list[tuple[float, tuple[float, float], float, float, float]] = []

    def add(a: float, b: float, loss: float) -> None:
        heapq.heappush(heap, (-losses.rank(loss, b - a), losses.tie_break(a, b - a), a, b, loss))

    for a, b in unknown:
        add(a, b, math.inf)
    choices: list[Choice] = []
    taken: list[tuple[int, float]] = []
    while len(choices) < n:
        item = queue.peek()
        if item is not None and (not heap or -queue.priority(item) < heap[0][0]):
            taken.append((item, queue.priority(item)))
            queue.pop()
            a, b, loss = line.x_at[item], line.x_at[line.after_at[item]], losses.open_at[item]
        elif heap:
            _, _, a, b, loss = heapq.heappop(heap)
        else:
            break
        x = a + split((b - a) / x_scale) * (b - a)
        if not a < x < b:
            x = a + 0.5 * (b - a)
            if not a < x < b:
                continue
        left, right = (((end - start) / (b - a)) ** order * loss for start, end in ((a, x), (x, b)))
        choices.append(Choice(x, a, loss - max(left, right) if math.isfinite(loss) else loss))
        add(a, x, left)
        add(x, b, right)
    return choices, taken
