"""Lattices in simplices and boxes, compared with looking at every point."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from adaptive_dask.learner.geometry.box_places import BoxPlaces
from adaptive_dask.learner.geometry.lattice import Lattice


def make(steps: list[int]) -> Lattice:
    n = np.array([max(each, 1) for each in steps])
    whole = np.array(steps) > 0

    def snap(point: Any) -> Any:
        return tuple(np.where(whole, np.rint(np.array(point) * n) / n, point).tolist())

    return Lattice((0.0,) * len(steps), (1.0,) * len(steps), steps, snap)


def points_inside(corners: Any, steps: list[int]) -> set[tuple[int, ...]]:
    """The lattice points in a simplex with whole corners that are none of these."""
    corners = np.array(corners)
    edges = (corners[1:] - corners[0]).T
    found = set()
    for point in itertools.product(*(range(n + 1) for n in steps)):
        weights = np.linalg.solve(edges, np.array(point) - corners[0])
        if weights.min() > -1e-9 and weights.sum() < 1 + 1e-9:
            found.add(point)
    return found - set(map(tuple, corners.tolist()))


@pytest.mark.parametrize("steps", [[12], [7, 5], [1, 40], [4, 3, 5]])
def test_points_in_simplices_are_all_found(steps: list[int]) -> None:
    rng = np.random.default_rng(0)
    lattice, n, d = make(steps), np.array(steps), len(steps)
    empty = 0
    for _ in range(300):
        corners = rng.integers(0, n + 1, size=(d + 1, d))
        if abs(np.linalg.det(corners[1:] - corners[0])) < 0.5:
            continue
        inside = points_inside(corners, steps)
        scaled = corners / n
        assert lattice.are_used_up(scaled[None])[0] == (not inside)
        found = lattice.point_in(list(map(tuple, scaled.tolist())), tuple(scaled.mean(axis=0).tolist()))
        if found is None:
            assert not inside
            empty += 1
        else:
            assert tuple(np.rint(np.array(found) * n).astype(int).tolist()) in inside
            assert lattice.contains(found)
    assert empty


def test_a_large_simplex_may_be_empty() -> None:
    """Reeve's tetrahedra: of any volume, without a lattice point besides the corners."""
    lattice = make([1, 1, 50])
    corners = np.array([(0, 0, 0), (1, 0, 0), (0, 1, 0), (1, 1, 37)]) / (1, 1, 50)
    assert lattice.are_used_up(corners[None]).tolist() == [True]
    corners[3] = corners[0] + (0, 0, 0.04)
    assert lattice.are_used_up(corners[None]).tolist() == [False]


def test_along_real_axes_there_is_always_a_point_between_others() -> None:
    rng = np.random.default_rng(1)
    lattice = make([6, 0])
    for _ in range(300):
        corners = [(int(n) / 6, float(x)) for n, x in zip(rng.integers(0, 7, 3), rng.random(3), strict=True)]
        if abs(np.linalg.det(np.diff(corners, axis=0))) < 1e-3:
            continue
        found = lattice.point_in(corners, tuple(np.mean(corners, axis=0).tolist()))
        assert found is not None
        assert found not in corners
        assert lattice.contains(found)
        weights = np.linalg.solve(np.vstack([np.array(corners).T, np.ones(3)]), [*found, 1])
        assert weights.min() > -1e-9
    assert not lattice.are_used_up(np.array([[(0, 0), (1 / 6, 0), (0, 0.1)]])).any()


@pytest.mark.parametrize("n", [1, 2, 3, 7, 10, 1000, 2**52 - 1])
def test_a_box_that_is_cut_has_places_in_both_halves(n: int) -> None:
    places = BoxPlaces([n, 0])
    todo = [(0.0, 1.0)]
    total = 0
    for _ in range(3000):
        if not todo:
            break
        a, b = todo.pop(0)
        low, high = np.array([a, 0.25]), np.array([b, 0.5])
        count = places.counts(low, high)
        assert np.isinf(count[1])
        assert not places.are_single(low[None], high[None]).any()
        assert count[0] >= 1
        if n <= 1000:
            assert count[0] == sum(a <= k / n < b or (b == 1 and k == n) for k in range(n + 1))
        nearest = places.nearest(0.7 * low + 0.3 * high, low, high)
        assert a <= nearest[0] <= b
        assert nearest[0] == round(nearest[0] * n) / n
        if count[0] == 1:
            total += 1
            continue
        todo += [(a, (a + b) / 2), ((a + b) / 2, b)]
    if n <= 1000:
        assert total == n + 1
    whole = BoxPlaces([n])
    assert whole.are_single(np.array([[0.0]]), np.array([[0.5 / n]])).all()
