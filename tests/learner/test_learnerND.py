"""The interface of LearnerND, and what it refuses."""

import itertools
import math
import pickle
from collections import Counter

import adaptive
import adaptive_triangulation
import numpy as np
import pytest
from scipy.spatial import ConvexHull

from adaptive_dask.learner.base_learner import uses_nth_neighbors
from adaptive_dask.learner.function_pickle import dumps_apart, loads_together
from adaptive_dask.learner.learner2D import Learner2D
from adaptive_dask.learner.learnerND import (
    LearnerND,
    curvature_loss_function,
    default_loss,
    interpolation_loss_function,
    std_loss,
    triangle_loss,
    uniform_loss,
)

CUBE = [(-1, 1), (0, 2), (0, 1)]


def f(x):
    return math.exp(-4 * sum(t * t for t in x))


def run(learner, n, k=7):
    while learner.npoints < n:
        points, _ = learner.ask(min(k, n - learner.npoints))
        learner.tell_many(points, [learner.function(point) for point in points])
    return learner


def test_corners_come_first_and_the_loss_is_infinite_until_they_are_known():
    learner = LearnerND(f, CUBE)
    points, gains = learner.ask(10)
    assert points[:8] == sorted((x, y, z) for x in (-1.0, 1.0) for y in (0.0, 2.0) for z in (0.0, 1.0))
    assert gains[:8] == [math.inf] * 8
    assert not learner.bounds_are_done
    assert learner.loss() == math.inf
    assert learner.tri is None
    learner.tell_many(points[:8], map(f, points[:8]))
    assert learner.bounds_are_done
    assert 0 < learner.loss() < math.inf
    assert len(learner.tri.vertices) == 8


def test_many_points_before_any_result_are_spread_over_the_region():
    points, _ = LearnerND(f, [(0, 1)] * 2).ask(200)
    counts, _, _ = np.histogram2d(*np.transpose(points), bins=4, range=[(0, 1), (0, 1)])
    assert counts.min() >= 5
    assert len(set(points)) == 200


@pytest.mark.parametrize("partition", ["simplices", "boxes"])
def test_asking_for_nothing_and_for_less_than_nothing(partition):
    learner = LearnerND(f, CUBE, partition=partition)
    assert learner.ask(0) == ([], [])
    with pytest.raises(ValueError, match="0 or more, got -1"):
        learner.ask(-1)


def test_points_values_and_triangulation():
    learner = run(LearnerND(f, CUBE), 60)
    assert learner.npoints == len(learner.points) == len(learner.values) == 60
    assert learner.vdim == 1
    assert learner.ndim == 3
    tri = learner.tri
    assert sorted(tri.vertices) == sorted(learner.data)
    assert sum(tri.volumes()) == pytest.approx(4)
    assert sum(tri.volume(simplex) for simplex in tri.simplices) == pytest.approx(4)
    on_boundary = {i for i, p in enumerate(tri.vertices) if any(x in b for x, b in zip(p, CUBE, strict=True))}
    assert tri.hull == on_boundary
    assert all(simplex in tri.vertex_to_simplices[i] for simplex in tri.simplices for i in simplex)
    assert learner.to_numpy().shape == (60, 4)
    assert learner.to_numpy().tolist() == sorted([*p, v] for p, v in learner.data.items())
    assert learner.interpolator()([(0.0, 1.0, 0.5)]).shape == (1,)


@pytest.mark.parametrize("dim", [2, 3])
def test_the_triangulation_is_asked_as_that_of_python_adaptive(dim: int) -> None:
    learner = run(LearnerND(f, [(-1, 1)] * dim), 30)
    tri = learner.tri
    theirs = adaptive_triangulation.Triangulation(tri.vertices)  # of the same points, though not the same simplices
    point = np.full(dim, 0.123)
    found = tri.locate_point(point)
    assert found in tri.simplices
    assert tri.point_in_simplex(point, found)
    assert tri.locate_point([2.0] * dim) == theirs.locate_point((2.0,) * dim) == ()
    assert tri.get_vertex(3) == tri.vertices[3]
    assert len(list(tri.faces())) == len(tri.simplices) * (dim + 1)
    counts = Counter(tri.faces())
    assert {vertex for face, count in counts.items() if count == 1 for vertex in face} == tri.hull
    for simplex in tri.simplices:
        opposite = tri.get_opposing_vertices(simplex)
        others = tri.get_simplices_attached_to_points(simplex)
        assert len(others) == sum(vertex is not None for vertex in opposite)
        for vertex, beyond in zip(simplex, opposite, strict=True):
            face = set(simplex) - {vertex}
            assert len(tri.containing(face)) == 1 + (beyond is not None)
            if beyond is not None:
                assert tuple(sorted({*face, beyond})) in others
    with pytest.raises(ValueError, match="one of the triangulation"):
        tri.get_opposing_vertices((0,) * (dim + 1))


@pytest.mark.parametrize("partition", ["simplices", "boxes"])
def test_copies_have_the_data_and_go_on(partition):
    learner = LearnerND(lambda x: f(x), CUBE, lambda s, v, scale: default_loss(s, v, scale), partition=partition)
    run(learner, 50)
    learner.ask(3)
    copy = pickle.loads(pickle.dumps(learner))
    assert copy.data == learner.data
    assert copy.pending_points == set()
    assert copy.loss() == pytest.approx(learner.loss(), rel=0.2)
    assert copy.function((0.0, 0.0, 0.0)) == 1
    other = learner.new()
    assert other.data == {}
    other.copy_from(learner)
    assert other.data == learner.data
    for each in (copy, other):
        points, _ = each.ask(20)
        assert not set(points) & set(each.data)
        run(each, 70)


def test_the_function_travels_apart_and_the_loss_stays():
    learner = run(LearnerND(lambda x: f(x), CUBE, lambda s, v, scale: uniform_loss(s, v, scale)), 30)
    data, functions = dumps_apart(learner)
    assert len(functions) == 1
    remote = loads_together(data, None)
    assert remote.ask(5)[0]
    with pytest.raises(TypeError, match="without its function"):
        remote.function((0, 0, 0))
    assert loads_together(data, functions).function((0, 0, 0)) == 1


@pytest.mark.parametrize(
    ("bounds", "options", "message"),
    [
        ([(0, 1), (1, 0)], {}, "lower bound"),
        ([(0, 1), (0, math.inf)], {}, "lower bound"),
        ([(0, 1), (1, 1)], {}, "lower bound"),
        ([0, 1], {}, "pairs of numbers"),
        ([], {}, "got none"),
        (CUBE, {"partition": "cells"}, "partition must be"),
        (CUBE, {"triangulation_backend": "python"}, "triangulation_backend"),
        (CUBE, {"partition": "boxes", "anisotropic": True}, "no neighbors and no shape"),
        (CUBE, {"partition": "boxes", "loss_per_simplex": triangle_loss}, "no neighbors and no shape"),
        (ConvexHull(np.eye(3)[:, :2]), {"partition": "boxes"}, "convex hull"),
        (CUBE, {"loss_per_simplex": uses_nth_neighbors(2)(lambda *_: 1.0)}, "must be 0 or 1"),
    ],
)
def test_bad_settings_are_refused(bounds, options, message):
    with pytest.raises(ValueError, match=message):
        LearnerND(f, bounds, **options)


@pytest.mark.parametrize(
    ("point", "value", "error", "message"),
    [
        ((0, 0), 1.0, ValueError, "3 finite coordinates"),
        ((0, 0, math.nan), 1.0, ValueError, "A coordinate must be a finite number"),
        (3.0, 1.0, TypeError, "sequence of 3 numbers"),
        ((0, 0, 0), "text", TypeError, "DataSaver"),
        ((0, 0, 0), {"y": 1}, TypeError, "DataSaver"),
        ((0, 0, 0), [1.0, 2.0], ValueError, r"shape of the values told before, \(\), got \(2,\)"),
        ((0, 0, 0), [], ValueError, "empty"),
        ((0, 0, 0), None, TypeError, "without `return`"),
        (("0", "0", "0"), 1.0, TypeError, "A coordinate must be a real number"),
    ],
)
def test_bad_input_is_refused_and_nothing_is_lost(point, value, error, message):
    learner = run(LearnerND(f, CUBE), 12)
    learner.tell_pending((0, 0, 0))
    before = (dict(learner.data), set(learner.pending_points), learner.loss())
    with pytest.raises(error, match=message):
        learner.tell(point, value)
    assert before == (learner.data, learner.pending_points, learner.loss())


def test_a_loss_that_raises_loses_nothing():
    fail = True

    def loss(simplex, values, scale):
        if fail and len(learner.data) > 20:
            raise RuntimeError("not this time")
        return uniform_loss(simplex, values, scale)

    learner = LearnerND(f, [(0, 1)] * 2, loss)
    run(learner, 20)
    points, _ = learner.ask(4)
    learner.tell_many(points[:3], map(f, points[:3]))
    with pytest.raises(RuntimeError, match="not this time"):
        learner.ask(1)
    assert learner.npoints == 23
    fail = False
    new = learner.ask(30)[0]
    assert not {*learner.data, points[3]} & set(new)
    assert learner.loss() == pytest.approx(max(learner.tri.volumes()))


@pytest.mark.parametrize("loss", [None, std_loss, curvature_loss_function(), interpolation_loss_function()])
def test_one_simplex_at_a_time_gives_what_batches_give(loss):
    loss = loss or default_loss

    def single(*arguments):
        return loss(*arguments)

    single.nth_neighbors = loss.nth_neighbors
    learner = run(LearnerND(lambda x: [f(x), x[0]], CUBE, loss), 60)
    slow = LearnerND(learner.function, CUBE, single)
    slow.tell_many(learner.data.keys(), learner.data.values())
    assert slow.loss() == pytest.approx(learner.loss(), rel=0.15)
    copy = learner.new()  # told like the other one, so that the scale is the same
    copy.tell_many(learner.data.keys(), learner.data.values())
    assert slow.loss() == pytest.approx(copy.loss())


def test_resolution_of_the_interpolation_loss():
    sizes = {}
    losses = {"max": interpolation_loss_function(max_length=0.2), "min": interpolation_loss_function(min_length=0.1)}
    for name, loss in losses.items():
        learner = run(LearnerND(lambda x: float(x[0] > 0.3), [(0, 1)] * 2, loss), 400)
        corners = np.array([learner.tri.get_vertices(simplex) for simplex in learner.tri.simplices])
        sizes[name] = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(axis=1)
    assert sizes["max"].max() <= 0.2 + 1e-9
    assert sizes["min"].min() > 0.1 / 4
    for wrong in [(-1, 1), (0.5, 0.5), (1, 0.1)]:
        with pytest.raises(ValueError, match="min_length < max_length"):
            interpolation_loss_function(*wrong)


def test_a_loss_with_neighbors_says_so_when_there_are_none():
    simplex, values = np.eye(3)[:, :2], [0.0, 1.0, 2.0]
    with pytest.raises(TypeError, match="needs the neighbors"):
        triangle_loss(simplex, values, 1.0)
    assert triangle_loss(simplex, values, 1.0, [None] * 3, [None] * 3) == 0


def test_anisotropic_simplices_are_short_along_the_gradient():
    def stretch(learner):
        points = np.array(list(run(learner, 300).data))
        return len(np.unique(points[:, 0].round(6))) / len(np.unique(points[:, 1].round(6)))

    def steep(x):
        return math.tanh(20 * x[0])

    square = [(-1, 1)] * 2
    assert stretch(LearnerND(steep, square, anisotropic=True)) > 1.5 * stretch(LearnerND(steep, square))


def test_six_dimensions_are_divided_into_boxes():
    def valley(x):
        return math.exp(-30 * (x[1] - 0.4) ** 2) + 0.0 * x[5]

    learner = LearnerND(valley, [(-1, 1)] * 6)
    assert learner.loss() == math.inf
    run(learner, 1500, k=16)
    assert learner.tri is None
    assert 0 < learner.loss() < 1
    points = np.array(list(learner.data))
    # More points where the function varies, and more different places along the axis that matters.
    assert (np.abs(points[:, 1] - 0.4) < 0.4).mean() > 1.3 * 0.4
    learner.remove_unfinished()
    assert learner.pending_points == set()
    points, _ = learner.ask(200)
    assert len(set(points)) == 200
    assert not set(points) & set(learner.data)


def test_constant_functions_and_exhausted_regions_end_or_go_on():
    flat = run(LearnerND(lambda x: 0.0, [(0, 1)] * 2, lambda *_: 0.0), 200)
    points = np.array(list(flat.data))
    assert np.histogram2d(*points.T, bins=4)[0].min() >= 4  # nothing to choose by but the volume
    # A region so small that it has few floating-point numbers in it.
    low = 1.0
    high = np.nextafter(np.nextafter(low, 2), 2)
    tiny = LearnerND(f, [(low, high)] * 2)
    points, _ = tiny.ask(200)
    assert 4 <= len(points) <= 9
    tiny.tell_many(points, [1.0] * len(points))
    assert len(tiny.ask(200)[0]) + len(points) <= 9


def test_a_hull_is_explored_to_its_boundary_and_travels():
    hull = ConvexHull(np.random.default_rng(0).normal(size=(9, 2)))
    learner = run(LearnerND(f, hull), 150)
    assert sorted(learner.data)[0] in learner._bounds_points
    assert sum(learner.tri.volumes()) == pytest.approx(hull.volume)
    assert (hull.equations[:, :2] @ learner.points.T + hull.equations[:, 2:]).max() < 1e-12
    copy = pickle.loads(pickle.dumps(learner))
    assert copy.data == learner.data
    assert not set(copy.ask(20)[0]) & set(copy.data)
    assert not learner.inside_bounds((50.0, 0.0))


@pytest.mark.parametrize("dim", [20, 40])
def test_very_many_dimensions_have_no_corners_to_list(dim):
    def ridge(x):
        return math.exp(-5 * (x[0] - 0.3) ** 2) + x[dim - 1]

    learner = run(LearnerND(ridge, [(-1, 1)] * dim), 200, k=16)
    assert learner.bounds_are_done
    assert 0 < learner.loss() < math.inf
    learner.tell((0.99,) * dim, 1.0)
    learner.tell((0.99,) * (dim - 1) + (0.99 + 1e-9,), 1.0)
    assert len(learner.ask(50)[0]) == 50
    assert pickle.loads(pickle.dumps(learner)).loss() == pytest.approx(learner.loss())


def test_what_takes_for_ever_is_refused():
    with pytest.raises(ValueError, match=r"8 dimensions.*partition='boxes'"):
        LearnerND(f, [(-1, 1)] * 8, partition="simplices")
    with pytest.raises(ValueError, match="at most 100"):
        LearnerND(f, [(-1, 1)] * 101)


def test_arguments_have_the_names_that_python_adaptive_gives_them():
    learner = LearnerND(f, [(-1, 1)] * 2)
    learner.tell(point=(0.5, 0.5), value=1.0)
    learner.tell_pending(point=(0.25, 0.5), simplex=None)
    assert learner.inside_bounds(point=(0.5, 0.5))
    assert learner.data == {(0.5, 0.5): 1.0}
    assert learner.pending_points == {(0.25, 0.5)}


@pytest.mark.parametrize(
    ("points", "values"),
    [
        ([(0, 0), (0, 1)], [1.0, [1.0, 2.0]]),
        ([(0, 0), (0, 1)], [1.0, "text"]),
        ([(0, 0), (0, 1)], [1.0, None]),
        ([(0, 0), (0, math.nan)], [1.0, 2.0]),
        ([(0, 0), (0, 1)], [1.0]),
    ],
)
def test_all_results_are_told_or_none(points, values):
    learner = LearnerND(len, [(-1, 1)] * 2)
    asked, _ = learner.ask(2)
    with pytest.raises((TypeError, ValueError)):
        learner.tell_many(points, values)
    assert not learner.data
    assert learner.pending_points == set(asked)
    learner.tell_many([(0, 0), (0, 1)], [[1.0, 2.0], [3.0, 4.0]])
    assert learner.vdim == 2


@pytest.mark.parametrize("size", [1e300, 1.7e308])
@pytest.mark.parametrize("loss", [None, triangle_loss, interpolation_loss_function()])
def test_values_as_large_as_there_are(size, loss):
    """Warnings are errors here."""
    for learner in (LearnerND(len, [(0, 1)] * 2, loss), Learner2D(len, [(0, 1)] * 2)):
        rng = np.random.default_rng(0)
        for step in range(10):
            points, _ = learner.ask(5)
            learner.tell_many(points, [math.nan if step == 5 else size * rng.choice([-1, 1]) for _ in points])
            assert learner.loss() >= 0


@pytest.mark.parametrize("loss", [default_loss, std_loss, uniform_loss, triangle_loss, curvature_loss_function()])
def test_one_dimension(loss):
    def peak(point):
        (x,) = point
        return x + 0.01 / (0.01 + x * x)

    learner = run(LearnerND(peak, [(-1, 1)], loss), 60, k=1)
    assert all(isinstance(point, tuple) and len(point) == 1 for point in learner.data)
    assert sum(learner.tri.volumes()) == pytest.approx(2)
    assert sum(abs(x) < 0.2 for (x,) in learner.data) > 10
    if loss is default_loss:
        theirs = adaptive.LearnerND(peak, [(-1, 1)])
        adaptive.runner.simple(theirs, npoints_goal=60)
        assert learner.loss() == pytest.approx(theirs.loss())
        assert set(learner.data) == set(theirs.data)


@pytest.mark.parametrize("values", [lambda point: point[0] ** 2, lambda point: [point[0], 1.0]])
def test_interpolator_in_one_dimension(values):
    learner = run(LearnerND(values, [(-1, 3)]), 9)
    interpolator = learner.interpolator()
    points = sorted(learner.data)
    np.testing.assert_allclose(interpolator(points), [values(point) for point in points])
    middle = [(a + b) / 2 for (a,), (b,) in itertools.pairwise(points)]
    np.testing.assert_allclose(
        interpolator(np.reshape(middle, (-1, 1))),
        [(np.array(values(a)) + values(b)) / 2 for a, b in itertools.pairwise(points)],
    )
    assert np.isnan(interpolator([[4.0]])).all()


def test_interpolator_in_many_dimensions_is_that_of_the_nearest_point():
    learner = LearnerND(lambda x: x[0], [(-1, 1)] * 8)
    for _ in range(50):
        points, _ = learner.ask(10)
        learner.tell_many(points, map(learner.function, points))
    interpolator = learner.interpolator()
    assert interpolator(points).tolist() == [point[0] for point in points]
    assert np.isfinite(interpolator([[0.99] * 8])).all()


@pytest.mark.parametrize("bounds", [[(-1, 1)] * 2, ConvexHull([[-1, -1], [-1, 1], [1, 0]]), [(-1, 1)] * 6])
def test_points_in_flight_that_nobody_asked_for(bounds):
    learner = LearnerND(len, bounds)
    asked, _ = learner.ask(5)
    learner.tell_many(asked, [0.0] * 5)
    loss = learner.loss()
    told, late, others = ([(0.01 * i + shift,) * learner.ndim for i in range(-10, 10)] for shift in (0.0, 0.001, 0.002))
    for point in told:
        learner.tell_pending(point)
    learner.tell_many(told, [0.0] * 20)
    assert learner.loss() <= loss
    loss = learner.loss()
    for point in late + others:
        learner.tell_pending(point)
    more, _ = learner.ask(20)
    assert learner.loss() == loss
    assert learner.pending_points == {*late, *others, *more}
    learner.tell_many(late, [0.0] * 20)
    assert learner.ask(1)[0]
    learner.remove_unfinished()
    assert learner.loss(real=False) == learner.loss()


@pytest.mark.parametrize("partition", ["simplices", "boxes"])
@pytest.mark.parametrize("function", [lambda x: x[0], lambda x: [x[0]], lambda x: [x[0], x[1]]])
def test_a_loss_of_a_user_sees_what_it_sees_with_python_adaptive(partition, function):
    """Coordinates in units of the region's widths, and values in the shape in which the function returns them."""
    seen = []

    def loss(simplex, values, value_scale, neighbors=(), neighbor_values=()):
        seen.append((simplex, values, value_scale, neighbors, neighbor_values))
        return float(np.ptp(simplex[:, 0]))

    if partition == "simplices":
        loss = uses_nth_neighbors(1)(loss)
    learner = LearnerND(function, [(10, 20), (-4, 4)], loss, partition=partition)
    for _ in range(4):
        points, _ = learner.ask(4)
        learner.tell_many(points, map(learner.function, points))
    learner.loss()
    for simplex, values, _, neighbors, neighbor_values in seen:
        assert simplex.min(axis=0).tolist() >= [1.0 - 1e-9, -0.5 - 1e-9]
        assert simplex.max(axis=0).tolist() <= [2.0 + 1e-9, 0.5 + 1e-9]
        assert values.shape == (3, *np.shape(function((0.0, 0.0))))
        for point, value in zip(neighbors, neighbor_values, strict=True):
            assert (point is None) == (value is None)
            assert point is None or 1.0 - 1e-9 <= point[0] <= 2.0 + 1e-9
    if partition == "simplices":
        simplex, values, scale, _, _ = seen[-1]
        expected = [function((10 * x, 8 * y)) for x, y in simplex]
        assert np.allclose(values, np.array(expected) * scale)
