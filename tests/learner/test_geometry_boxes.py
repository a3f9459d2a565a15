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


@pytest.mark.parametrize("dim", [1, 2, 3, 4])
def test_neighbours_of_a_box_share_a_part_of_a_face(dim):
    rng = np.random.default_rng(dim)
    tree = BoxTree(dim)
    for _ in range(60):
        tree.halve(int(rng.choice(np.flatnonzero(tree.first_half[: tree.count] < 0))), int(rng.integers(dim)))
    leaves = np.flatnonzero(tree.first_half[: tree.count] < 0)
    for leaf in leaves.tolist():
        common = np.minimum(tree.high[leaf], tree.high[leaves]) - np.maximum(tree.low[leaf], tree.low[leaves])
        expected = leaves[((common == 0).sum(axis=1) == 1) & (common >= 0).all(axis=1)]
        assert sorted(tree.neighbors(leaf)) == expected.tolist()


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
    occupied = [leaf for leaf in partition._points if tree.occupants[leaf]]
    assert sum(tree.occupants[leaves]) == len(occupied) == tree.occupants[0]
    for box in range(tree.count):
        expected = box in leaves
        assert (partition._expected.priority(box) > -math.inf) == expected
        whole = expected or tree.occupants[box] < 2
        real = whole and (box == 0 or tree.occupants[tree.parent[box]] > 1)
        assert (partition._real.priority(box) > -math.inf) == real
        assert (partition._model_of[box] >= 0) == (expected or real)
    if partition._points:
        assert sum(tree.number_of_points[leaves]) == tree.number_of_points[0]


@pytest.mark.long
def test_any_order_of_asking_and_telling_keeps_the_boxes_in_order():
    rng = np.random.default_rng(3)
    partition = BoxPartition(3, by_volume)
    number, in_flight = 0, {}
    for step in range(200):
        action = rng.integers(6)
        loss = partition.loss(real=True)
        if action < 2:
            for _ in range(rng.integers(1, 8)):
                proposal = partition.propose()
                number -= 1
                partition.accept(proposal, number)
                in_flight[number] = proposal.point
        elif action == 2 and in_flight:
            before = (partition._tree.count, dict(partition._points), partition.loss(False))
            snapshot = partition.snapshot()
            for i in range(5):
                partition.accept(partition.propose(), number - 1 - i)
            partition.restore(snapshot)
            assert before == (partition._tree.count, partition._points, partition.loss(False))
        elif action == 3:
            points = [tuple(point) for point in rng.random((3, 3)).tolist()]
            partition.absorb(points, np.ones((3, 1)), [None] * 3)
        elif action == 4:
            done = [n for n in in_flight if rng.random() < 0.5]
            if done:
                partition.absorb([in_flight.pop(n) for n in done], rng.random((len(done), 1)), done)
        elif step % 4 == 0:
            partition.clear_pending()
            in_flight.clear()
            assert partition.loss(real=False) == partition.loss(real=True)
        check(partition)
        assert set(partition._pending) == set(in_flight)
        if action not in (3, 4):
            assert partition.loss(real=True) == loss, "without a result there is no other loss"
    assert partition.loss(real=False) <= partition.loss(real=True)


def test_the_same_point_twice_shares_a_box():
    partition = BoxPartition(2, by_volume)
    point = (0.3, 0.7)
    partition.absorb([point, point, (0.3, 0.7 + 1e-15)], np.zeros((3, 1)), [None] * 3)
    assert len(partition._points) == 1
    check(partition)


def test_a_copy_has_the_boxes_that_there_are_without_points_in_flight():
    rng = np.random.default_rng(5)
    partition = BoxPartition(4, by_volume)
    points, values = [], []
    for step in range(30):
        proposals = []
        for i in range(20):
            proposals.append(partition.propose())
            partition.accept(proposals[-1], -1 - 20 * step - i)
        for i in rng.permutation(20)[:5].tolist():
            points.append(proposals[i].point)
            values.append([rng.random()])
            partition.absorb(points[-1:], np.array(values[-1:]), [-1 - 20 * step - i])
        copy = BoxPartition(4, by_volume)
        copy.resume(partition.save(), points, np.array(values))
        check(copy)
        assert copy.loss(real=True) == pytest.approx(partition.loss(real=True), rel=1e-9)
    partition.clear_pending()
    assert copy._tree.low[: copy._tree.count].tolist() == partition._tree.low[: partition._tree.count].tolist()
    assert copy._points == partition._points
    assert copy.propose()._replace(gain=0) == partition.propose()._replace(gain=0)


def test_a_box_without_room_for_another_number_is_full():
    """Nothing else would end if a caller knew all points."""
    partition = BoxPartition(2, by_volume)
    partition.absorb([(0.2, 0.2)], np.ones((1, 1)), [None])
    snapshot = partition.snapshot()
    given_up = 0
    while (proposal := partition.propose()) is not None:
        partition.give_up(proposal)
        given_up += 1
    assert given_up < 20
    partition.restore(snapshot)
    assert partition.propose() is not None


def test_only_sides_that_can_be_cut_are_cut():
    partition = BoxPartition(2, lambda corners, values, scale: volumes(corners), [0.3, 0.0])
    for number in range(-1, -60, -1):
        proposal = partition.propose()
        partition.accept(proposal, number)
        partition.absorb([proposal.point], np.array([[100 * proposal.point[0]]]), [number])
    tree = partition._tree
    assert (tree.high[: tree.count] - tree.low[: tree.count])[:, 0].min() == 0.25


def test_going_back_changes_no_loss_that_is_not_up_to_date():
    rng = np.random.default_rng(0)
    partition = BoxPartition(3, lambda corners, values, scale: volumes(corners) / scale)
    points = [tuple(point) for point in rng.random((600, 3)).tolist()]
    partition.absorb(points, rng.random((600, 1)), [None] * 600)
    partition.absorb([(0.5, 0.5, 0.1)], np.array([[9.0]]), [None])
    assert partition._to_rescale, "most boxes are not up to date with the range"
    losses = [partition.loss(real=True), partition.loss(real=False)]
    snapshot = partition.snapshot()
    for number in range(-1, -50, -1):
        partition.accept(partition.propose(), number)
    partition.restore(snapshot)
    assert losses == [partition.loss(real=True), partition.loss(real=False)]
