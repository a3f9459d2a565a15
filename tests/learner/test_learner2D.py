"""The interface of Learner2D, and what it refuses."""

import math
import pickle

import numpy as np
import pytest
from scipy.interpolate import CloughTocher2DInterpolator, LinearNDInterpolator

from adaptive_dask.learner import learner2D
from adaptive_dask.learner.function_pickle import dumps_apart, loads_together
from adaptive_dask.learner.learner2D import Learner2D, areas, default_loss, deviations, uniform_sampling

BOUNDS = [(-1, 1), (0, 4)]


def f(xy):
    x, y = xy
    return math.exp(-8 * (x - 0.2) ** 2 - (y - 1) ** 2)


def run(learner, n, k=7):
    while learner.npoints < n:
        points, _ = learner.ask(min(k, n - learner.npoints))
        learner.tell_many(points, [learner.function(point) for point in points])
    return learner


def test_attributes_that_users_know():
    learner = Learner2D(f, BOUNDS)
    assert learner.bounds == ((-1.0, 1.0), (0.0, 4.0))
    assert learner.xy_scale.tolist() == [2, 4]
    assert learner.xy_mean.tolist() == [0, 2]
    assert (learner.npoints, learner.vdim, learner.aspect_ratio, learner.stack_size) == (0, 1, 1, 10)
    assert not learner.bounds_are_done
    assert learner.loss() == math.inf
    assert learner.to_numpy().shape == (0, 3)
    assert learner.inside_bounds((1, 4))
    assert not learner.inside_bounds((1, 4.1))
    run(learner, 40)
    assert learner.bounds_are_done
    assert learner.to_numpy().shape == (40, 3)
    assert 0 < learner.loss() < 1


def test_the_interpolator_holds_the_data():
    learner = run(Learner2D(f, BOUNDS), 300)
    learner.tell((5.0, 5.0), 7.0)
    ip = learner.interpolator()
    assert len(ip.values) == len(ip.tri.points) == 300
    points = np.array([p for p in learner.data if learner.inside_bounds(p)])
    interpolated, known = ip(points), np.array([learner.data[tuple(p)] for p in points.tolist()])
    assert np.allclose(interpolated, known)
    assert np.allclose(ip(*points.T)[:, 0], known)  # as with SciPy's and python-adaptive's
    scaled = learner.interpolator(scaled=True)
    assert scaled is learner.interpolator(scaled=True)
    assert areas(scaled).sum() == pytest.approx(1)
    assert np.abs(scaled.tri.points).max() == 0.5
    xs, ys, values = learner.interpolated_on_grid(31)
    assert (xs[0], ys[-1]) == pytest.approx((-1, 4))
    exact = np.array([[f((x, y)) for y in ys] for x in xs])
    assert np.abs(values - exact).max() < 0.05
    assert learner.interpolated_on_grid()[2].shape[0] >= 10
    vector = run(Learner2D(lambda xy: [f(xy), xy[0]], BOUNDS), 50)
    assert vector.interpolated_on_grid(12)[2].shape == (12, 12, 2)
    assert vector.to_numpy().shape == (50, 4)
    with pytest.raises(ValueError, match="needs at least 3 points"):
        Learner2D(f, BOUNDS).interpolator()


def test_the_aspect_ratio_stretches_the_triangles():
    def shape(learner):
        """How wide the triangles are over how high they are, in scaled coordinates."""
        tri = learner.interpolator(scaled=True).tri
        width, height = np.ptp(tri.points[tri.simplices], axis=1).mean(axis=0)
        return width / height

    plain = run(Learner2D(f, BOUNDS, uniform_sampling), 300)
    learner = Learner2D(f, BOUNDS, uniform_sampling)
    learner.aspect_ratio = 4
    assert learner.xy_scale.tolist() == [2, 1]
    run(learner, 300)
    assert areas(learner.interpolator(scaled=True)).sum() == pytest.approx(4)
    assert 0.7 < shape(learner) < 1.4
    assert 0.7 < shape(plain) < 1.4
    # Set late, it holds for the rest; points in flight stay so.
    pending, _ = plain.ask(3)
    plain.aspect_ratio = 4
    assert plain.pending_points == set(pending)
    assert not set(plain.ask(50)[0]) & {*plain.data, *pending}
    assert pickle.loads(pickle.dumps(plain)).aspect_ratio == plain.new().aspect_ratio == 4
    for wrong in (0, -1, math.nan, math.inf):
        with pytest.raises(ValueError, match="positive number"):
            learner.aspect_ratio = wrong


def notebook_loss(ip, min_distance=0.05, max_distance=1):
    sizes = areas(ip)
    loss = np.sqrt(sizes) * deviations(ip)[0] + sizes
    loss[sizes < min_distance**2] = 0
    loss[sizes > max_distance**2] = np.inf
    return loss


def whole_loss(ip):
    return areas(ip) / areas(ip).max() + deviations(ip)[0]


def smooth_loss(ip):
    steepness = np.abs(CloughTocher2DInterpolator(ip.tri, ip.values).grad).sum(axis=(1, 2))
    return areas(ip) * (1 + steepness[ip.tri.simplices].sum(axis=1))


def list_loss(ip):
    return [math.sqrt(area) for area in areas(ip)]


@pytest.mark.long
@pytest.mark.parametrize(
    ("loss", "is_local"), [(notebook_loss, True), (list_loss, True), (whole_loss, False), (smooth_loss, False)]
)
def test_custom_losses_work_local_or_not(loss, is_local):
    learner = run(Learner2D(f, BOUNDS, loss), 400)
    rule = learner._partition._rule
    assert (rule._whole is None) == is_local
    ip = learner.interpolator(scaled=True)
    expected = np.max(loss(ip))
    if is_local:
        assert learner.loss() == pytest.approx(expected, rel=0.2)  # the scale may lag by a tenth
    points = np.array(list(learner.data))
    assert np.histogram2d(*points.T, bins=3)[0].min() > 1


def test_a_custom_loss_is_not_computed_on_everything_each_time():
    computed = []

    def loss(ip):
        computed.append(len(ip.tri.simplices))
        return notebook_loss(ip, min_distance=0)

    learner = run(Learner2D(f, BOUNDS, loss), 3000, k=4)
    assert np.median(computed[-200:]) < 200
    computed.clear()
    run(learner, 3100, k=4)
    assert sum(computed) < 100 * 100


def test_infinite_losses_come_first_by_size_and_zero_losses_last():
    coarse = learner2D.resolution_loss_function(max_distance=0.1)
    learner = run(Learner2D(f, BOUNDS, coarse), 400, k=16)
    assert areas(learner.interpolator(scaled=True)).max() <= 0.1**2 + 1e-12
    fine = learner2D.resolution_loss_function(min_distance=0.05)
    learner = run(Learner2D(lambda xy: 1 / (xy[0] ** 2 + xy[1] ** 2 + 1e-12), [(-1, 1)] * 2, fine), 500)
    # Each triangle that was cut had at least this area; a cut and the Delaunay flips leave a good part of it.
    assert np.quantile(areas(learner.interpolator(scaled=True)), 0.05) > 0.05**2 / 4


def test_thresholds_and_surface_and_triangle_loss():
    plain, low, high = (
        run(Learner2D(f, BOUNDS, loss), 300)
        for loss in (
            None,
            learner2D.thresholded_loss_function(lower_threshold=0.1, priority_factor=0.0),
            learner2D.thresholded_loss_function(upper_threshold=0.5, priority_factor=0.0),
        )
    )
    share = [np.mean(np.array(list(each.data.values())) < 0.1) for each in (plain, low)]
    assert share[1] < share[0]
    share = [np.mean(np.array(list(each.data.values())) > 0.5) for each in (plain, high)]
    assert share[1] < share[0]
    assert learner2D.uniform_sampling is learner2D.uniform_loss


def test_losses_agree_with_their_definitions_on_an_interpolator():
    rng = np.random.default_rng(0)
    points = rng.random((60, 2)) - 0.5
    ip = LinearNDInterpolator(points, points @ [2.0, 3.0])
    assert np.abs(deviations(ip)).max() < 1e-12
    assert default_loss(ip) == pytest.approx(0.3 * areas(ip))
    assert np.abs(learner2D.triangle_loss(ip)).max() < 1e-12
    rise = np.ptp(ip.values)
    assert learner2D.minimize_triangle_surface_loss(ip) == pytest.approx(areas(ip) * math.sqrt(1 + 13 / rise**2))
    bent = LinearNDInterpolator(points, np.stack([points[:, 0] ** 2, points[:, 0]], axis=1))
    assert deviations(bent).shape == (2, len(bent.tri.simplices))
    assert deviations(bent)[0].mean() > 1e-3 > np.abs(deviations(bent)[1]).max()


def test_copies_have_the_data_and_go_on():
    learner = run(Learner2D(lambda xy: f(xy), BOUNDS, lambda ip: np.sqrt(areas(ip))), 60)
    learner.ask(4)
    learner.stack_size = 3
    copy = pickle.loads(pickle.dumps(learner))
    assert copy.data == learner.data
    assert copy.pending_points == set()
    assert copy.stack_size == 3
    assert copy.loss() == pytest.approx(learner.loss())
    assert not set(copy.ask(30)[0]) & set(copy.data)
    data, functions = dumps_apart(learner)
    assert len(functions) == 1
    assert loads_together(data, functions).function((0.2, 1)) == 1
    assert loads_together(data, None).ask(3)[0]


@pytest.mark.parametrize("bounds", [[(0, 1)], [(0, 1)] * 3, [(1, 0), (0, 1)], [(0, math.nan), (0, 1)], 3])
def test_bad_bounds_are_refused(bounds):
    with pytest.raises(ValueError, match=r"[Bb]ound"):
        Learner2D(f, bounds)


def test_a_region_of_undefined_values_is_explored_like_a_flat_one():
    def holey(xy):
        return math.nan if xy[0] > 0 else math.sin(5 * xy[0] * xy[1])

    learner = run(Learner2D(holey, [(-1, 1)] * 2), 500, k=16)
    assert math.isfinite(learner.loss())
    points = np.array(list(learner.data))
    assert 0.05 < np.mean(points[:, 0] > 0) < 0.5
    nothing = run(Learner2D(lambda xy: math.nan, [(-1, 1)] * 2), 200)
    assert np.histogram2d(*np.array(list(nothing.data)).T, bins=3)[0].min() > 10


def test_points_outside_are_kept_and_have_no_influence():
    learner, plain = (run(Learner2D(f, BOUNDS), 50) for _ in range(2))
    learner.tell_many([(9, 9), (-1.5, 2)], [1e9, -1e9])
    assert learner.npoints == 52
    assert learner.loss() == plain.loss()
    assert learner.ask(20) == plain.ask(20)


def test_a_homogeneous_grid_and_its_duplicates():
    learner = Learner2D(f, BOUNDS)
    xs, ys = np.linspace(-1, 1, 20), np.linspace(0, 4, 20)
    grid = [(x, y) for x in xs for y in ys]
    learner.tell_many(grid, map(f, grid))
    learner.tell_many(grid, [0.0] * 400)
    assert learner.data == {tuple(map(float, p)): f(p) for p in grid}
    mesh = learner._partition.mesh
    assert mesh.n_points == 400
    assert len(mesh.slot_of) == 2 * 19 * 19
    assert learner.loss() < 0.1
    assert len(learner.ask(30)[0]) == 30


def test_losses_never_see_a_triangulation_without_values():
    def loss(ip):
        assert np.isfinite(ip.values).any()
        return whole_loss(ip)

    learner = Learner2D(f, BOUNDS, loss)
    assert len(learner.ask(20)[0]) == 20
    # All known points on one line: no interpolator can be made of them.
    learner.tell_many([(x, 2.0) for x in np.linspace(-1, 1, 9)], [1.0] * 9)
    assert len(learner.ask(20)[0]) == 20
    learner.remove_unfinished()
    assert learner.loss() == math.inf
    run(learner, 60)
    assert 0 < learner.loss() < math.inf


def test_names_that_python_adaptive_has():
    learner = Learner2D(lambda xy: xy[0], [(-1, 1), (-1, 1)])
    for corner in learner._bounds_points:
        learner.tell(point=corner, value=corner[0])
    learner.tell_pending(point=(0.25, 0.5))
    assert learner.inside_bounds(xy=(0.5, 0.5))
    assert learner.pending_points == {(0.25, 0.5)}
    assert learner.ip() is learner.interpolator(scaled=True)


def test_a_walk_that_comes_to_an_all_but_flat_triangle():
    learner = Learner2D(len, [(0, 1), (0, 1)])
    for asked, more in [
        (0, (0.9999999999679295, 0.9999999864316291)),
        (6, (1, 4.90100778924915e-07)),
        (0, (0, 0.9999999597172229)),
        (1, (1, 0.9999999999982029)),
        (0, (0.4999368211948754, 0)),
    ]:
        points = [*learner.ask(asked)[0], more]
        learner.tell_many(points, [0.0] * len(points))
        learner.loss()
    learner.tell_pending((0.4, 1e-9))
    assert len(learner.ask(10)[0]) == 10


def test_losses_next_to_a_triangle_that_was_left_out():
    learner = Learner2D(len, [(0, 1), (0, 1)])
    points = [
        *[(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0), (0.4999999999984109, 1), (0.4999560695713558, 0.41982930333)],
        *[(0.9999999934873763, 0.4999999980967229), (1, 0.49999999999491085), (0.5000281728612102, 0.500000000000645)],
    ]
    for point, value in zip(points, [0.54, 0.38, 0.87, 0.65, 0.55, 0.08, 0.37, 0.75, 0.94], strict=True):
        learner.tell(point, value)
        learner.loss()
    copy = learner.new()
    copy.copy_from(learner)
    ours, theirs = (
        dict(zip(partition.mesh.slot_of, partition.losses.tolist(), strict=True))
        for partition in (learner._partition, copy._partition)
    )
    assert ours == pytest.approx(theirs, rel=1e-9)


def test_the_loss_is_on_the_scale_of_python_adaptive():
    import adaptive

    from adaptive_dask.testing.functions import ring as tutorial

    learner = Learner2D(tutorial, [(-1, 1)] * 2)
    for n in (20, 50, 64, 130, 300, 700):
        while learner.npoints < n:
            point = learner.ask(1)[0][0]
            learner.tell(point, tutorial(point))
        theirs = adaptive.Learner2D(tutorial, [(-1, 1)] * 2)
        theirs.tell_many(learner.data.keys(), learner.data.values())
        assert learner.exact_loss() == pytest.approx(theirs.loss(), rel=1e-3)
        assert learner.loss() == learner.exact_loss()


def test_a_goal_is_reached_by_the_loss_of_all_points():
    from adaptive_dask.run.goals import LossGoal
    from adaptive_dask.testing.functions import ring as tutorial

    learner = Learner2D(tutorial, [(-1, 1)] * 2)
    while learner.npoints < 620:
        points = learner.ask(20)[0]
        learner.tell_many(points, map(tutorial, points))
        of_the_first = learner.loss()
    exact = learner.new()
    exact.tell_many(learner.data.keys(), learner.data.values())
    exact = exact.exact_loss()
    assert of_the_first != exact
    low, high = sorted([of_the_first, exact])
    assert LossGoal(low)(learner) is False
    assert LossGoal(high)(learner)


def narrow_ring(xy):
    return xy[0] + math.exp(-((xy[0] ** 2 + xy[1] ** 2 - 0.75**2) ** 2) / 0.2**4)


UNSEEN_AT_FIRST = {
    "ring": narrow_ring,
    "ring beside the centre": lambda xy: narrow_ring((xy[0] - 0.13, xy[1] + 0.21)),
    "waves": lambda xy: math.sin(9 * xy[0]) * math.cos(7 * xy[1]),
    "plane": lambda xy: xy[0] + 2 * xy[1],
    "constant": lambda xy: 1.0,
}


@pytest.mark.parametrize("aspect_ratio", [1.0, 3.0])
@pytest.mark.parametrize("name", UNSEEN_AT_FIRST)
def test_the_loss_does_not_fall_below_a_goal_while_a_region_has_not_been_looked_at(name, aspect_ratio):
    function = UNSEEN_AT_FIRST[name]
    learner = Learner2D(function, [(-1, 1)] * 2)
    learner.aspect_ratio = aspect_ratio
    goals = {0.2: 4, 0.1: 9, 0.05: 24, 0.02: 40, 0.01: 40}
    while learner.loss() > 0.029 and learner.npoints < 60:
        point = learner.ask(1)[0][0]
        learner.tell(point, function(point))
        for goal, least in goals.items():
            assert learner.loss() > goal or learner.npoints >= least
        assert not 0 < learner.loss(real=False) < 0.9 * learner.loss()
    largest = areas(learner.interpolator(scaled=True)).max() / aspect_ratio
    assert learner.npoints == 60 or largest <= 1 / 64


@pytest.mark.parametrize("vdim", [1, 3])
def test_gradients_of_the_smoothest_surface(vdim):
    from scipy.interpolate import CloughTocher2DInterpolator
    from scipy.spatial import Delaunay

    from adaptive_dask.learner.losses.smooth_loss import _edges, smoothest_gradients

    random = np.random.default_rng(0)
    points = np.concatenate([random.uniform(-0.5, 0.5, (80, 2)), 0.01 * random.uniform(-0.5, 0.5, (80, 2))])
    values = np.column_stack([np.sin(5 * points[:, 0] + i) * np.exp(points[:, 1]) for i in range(vdim)])
    triangles = Delaunay(points)
    edges = _edges(triangles)
    assert len({frozenset(edge) for edge in edges.T.tolist()}) == edges.shape[1]
    expected = CloughTocher2DInterpolator(triangles, values, tol=1e-10, maxiter=10_000).grad.transpose(0, 2, 1)
    assert smoothest_gradients(points, edges, values) == pytest.approx(expected, abs=1e-3 * np.abs(expected).max())
