"""Boxes for many dimensions."""

import math

import numpy as np
import pytest

from adaptive_dask.learner.geometry.box_partition import BoxPartition
from adaptive_dask.learner.geometry.box_tree import BoxTree
from adaptive_dask.learner.geometry.simplices import volumes


def test_statistics_of_a_box_are_those_of_its_points():
    rng = np.random.default_rng(0)
    tree = BoxTree(3)
    points = rng.random((200, 3))
    points[0, :2] = 0.2, 0.9
    values = points @ [[1.0, 0.0], [0.0, -2.0], [0.5, 0.0]] + 100
    tree.add([0], tuple(points[0]), values[0])
    lower = tree.halve(0, 1, tuple(points[0]))
    upper_halves = tree.halve(lower + 1, 0, tuple(points[0]))
    points, values, told = points[1:], values[1:], (points, values)
    for point, value in zip(points, values, strict=True):
        tree.add(tree.path(tuple(point)), tuple(point), value)
    points, values = told
    inside = (points[:, 1] >= 0.5) & (points[:, 0] < 0.5)
    assert tree.number_of_points[upper_halves] == inside.sum()
    middles, means = tree.means(np.array([upper_halves]))
    assert np.allclose(middles, points[inside].mean(axis=0))
    assert np.allclose(means, values[inside].mean(axis=0))
    expected = [
        [np.cov(points[inside, axis], values[inside, k])[0, 1] / points[inside, axis].var(ddof=1) for k in (0, 1)]
        for axis in range(3)
    ]
    assert np.allclose(tree.slopes(np.array([upper_halves]))[0], expected)
    assert tree.models(np.array([upper_halves]), 10**6).tolist() == [0]
    assert tree.models(np.array([upper_halves]), 2).tolist() == [upper_halves]


def by_volume(corners, values, scale):
    return volumes(corners)


def leaves_of(partition):
    tree = partition._tree
    return [box for box in range(tree.count) if tree.first_half[box] < 0]


def check(partition):
    tree = partition._tree
    leaves = leaves_of(partition)
    sides = tree.high[leaves] - tree.low[leaves]
    assert sides.prod(axis=1).sum() == pytest.approx(1)
    for leaf, point in partition._points.items():
        assert leaf in leaves
        assert (tree.low[leaf] <= point).all()
        assert (point <= tree.high[leaf]).all()
        assert tree.path(point)[-1] == leaf
    for box in range(tree.count):
        expected = box in leaves
        assert (partition._expected.priority(box) > -math.inf) == expected
        visible = (expected or box in partition._open) and not partition._is_hidden(box)
        assert (partition._real.priority(box) > -math.inf) == visible
    if partition._points:
        assert sum(tree.number_of_points[leaves]) == tree.number_of_points[0]


def test_any_order_of_asking_and_telling_keeps_the_boxes_in_order():
    rng = np.random.default_rng(3)
    partition = BoxPartition(3, by_volume)
    number, in_flight = 0, {}
    for step in range(120):
        action = rng.integers(6)
        if action < 2:
            for _ in range(rng.integers(1, 8)):
                proposal = partition.propose()
                number -= 1
                partition.accept(proposal, number)
                in_flight[number] = proposal.point
        elif action == 2 and in_flight:
            before = (partition._tree.count, dict(partition._points), partition._open.copy())
            snapshot = partition.snapshot()
            for i in range(5):
                partition.accept(partition.propose(), number - 1 - i)
            partition.restore(snapshot)
            assert before == (partition._tree.count, partition._points, partition._open)
        elif action == 3:
            points = [tuple(point) for point in rng.random((3, 3)).tolist()]
            partition.absorb(points, np.ones((3, 1)), [None] * 3)
        elif action == 4:
            done = [n for n in in_flight if rng.random() < 0.5]
            if done:
                partition.absorb([in_flight.pop(n) for n in done], rng.random((len(done), 1)), done)
        elif step % 30 == 0:
            partition.clear_pending()
            in_flight.clear()
        check(partition)
        assert set(partition._pending) == set(in_flight)
    assert partition.loss(real=False) <= partition.loss(real=True)


def test_the_same_point_twice_shares_a_box():
    partition = BoxPartition(2, by_volume)
    point = (0.3, 0.7)
    partition.absorb([point, point, (0.3, 0.7 + 1e-15)], np.zeros((3, 1)), [None] * 3)
    assert len(partition._points) == 1
    check(partition)
