"""Regions where a function has no value: what learners are told, keep, and ask next."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from operator import itemgetter
from typing import Any

import cloudpickle
import numpy as np
import pytest
from scipy.spatial import Delaunay

import adaptive_dask
from adaptive_dask import (
    BalancingLearner,
    BlockingRunner,
    DataSaver,
    Infeasible,
    Int,
    Learner1D,
    Learner2D,
    LearnerND,
    Space,
    errors,
    simple,
)
from adaptive_dask.learner.feasibility import extrapolated, signed_distances
from adaptive_dask.plotting.level_set import level_set
from adaptive_dask.runner import replay_log
from tests.learner.learners import LEARNERS

SQUARE = [(0.0, 1.0), (0.0, 1.0)]


def is_outside(point: Any) -> bool:
    """A disc has no values."""
    return math.hypot(*(x - 0.45 for x in np.atleast_1d(point))) > 0.3


def smooth(point: Any) -> float:
    return math.sin(4 * float(np.sum(point))) if is_outside(point) else raise_it()


def raise_it() -> float:
    raise Infeasible("inside of the disc")


def vectors(point: Any) -> Any:
    return np.array([smooth(point), 1.0])


DIVIDING: dict[str, Callable[..., Any]] = {
    "1D": lambda function=smooth, **k: Learner1D(function, (0.0, 1.0), **k),
    "2D": lambda function=smooth, **k: Learner2D(function, SQUARE, **k),
    "ND": lambda function=smooth, **k: LearnerND(function, SQUARE, **k),
    "boxes": lambda function=smooth, **k: LearnerND(function, SQUARE, partition="boxes", **k),
    "3D": lambda function=smooth, **k: LearnerND(function, [*SQUARE, (0.0, 1.0)], **k),
}


@pytest.fixture(params=DIVIDING)
def make(request: pytest.FixtureRequest) -> Callable[..., Any]:
    return DIVIDING[request.param]


def outcome(learner: Any, x: Any) -> Any:
    try:
        return learner.function(x)
    except Infeasible as error:
        return error


def fill(learner: Any, n: int, at_once: int = 1) -> Any:
    while learner.npoints < n:
        xs, _ = learner.ask(at_once)
        for x in xs:
            learner.tell(x, outcome(learner, x))
    return learner


def same(one: Any, other: Any) -> bool:
    """Whether two learners have equal data, in which NaN equals NaN, and the same reasons."""
    if one.infeasible != other.infeasible or one.data.keys() != other.data.keys():
        return False
    return all(np.array_equal(one.data[x], other.data[x], equal_nan=True) for x in one.data)


# ---- what is told


def test_data_are_nan_in_the_shape_of_the_others(make: Callable[..., Any]) -> None:
    learner = make(vectors)
    (first, second, third), _ = learner.ask(3)
    learner.tell(first, Infeasible("early"))
    assert math.isnan(learner.data[first])
    learner.tell(second, [1.0, 2.0])
    learner.tell_many([third], [Infeasible()])
    for x in (first, third):
        assert learner.data[x].shape == (2,)
        assert np.isnan(learner.data[x]).all()
    assert learner.infeasible == {first: "early", third: "infeasible"}
    assert learner.npoints == 3
    assert not learner.pending_points
    with pytest.raises(TypeError):
        learner.infeasible[first] = "other"


def test_what_is_learned_of_vectors(make: Callable[..., Any]) -> None:
    learner = fill(make(vectors), 60, at_once=7)
    assert 1 <= len(learner.infeasible) < 40
    assert 0 < learner.loss() < math.inf
    assert all(not is_outside(x) for x in learner.infeasible)


def test_a_value_replaces_a_failure_in_either_order(make: Callable[..., Any]) -> None:
    xs, _ = make().ask(5)
    learners = [make() for _ in range(4)]
    told = [(x, 0.5 + i) for i, x in enumerate(xs)]
    failed = [(xs[2], Infeasible("no")), (xs[4], Infeasible("no"))]
    for x, y in [*told, *failed]:
        learners[0].tell(x, y)
    for x, y in [*failed, *told]:
        learners[1].tell(x, y)
    learners[2].tell_many(*zip(*failed, *told, strict=True))
    learners[3].tell_many(*zip(*told, *failed, strict=True))
    for learner in learners:
        assert dict(learner.data) == dict(told)
        assert learner.infeasible == {}
        assert learner.loss() == pytest.approx(learners[0].loss(), rel=0.5)  # the scale lags in one dimension
        learner.ask(10)


def test_failures_told_again_change_nothing(make: Callable[..., Any]) -> None:
    learner = fill(make(), 40)
    copy = pickle.loads(cloudpickle.dumps(learner))
    for x in list(learner.data):
        learner.tell(x, Infeasible("again"))
    assert same(learner, copy)


@pytest.mark.parametrize("number", [math.nan, [math.nan, 1.0]])
def test_nan_is_infeasible_only_if_asked_for(make: Callable[..., Any], number: Any) -> None:
    plain, strict = make(), make(nan="infeasible")
    (x, z), _ = plain.ask(2)
    for learner in (plain, strict):
        learner.tell(x, number)
        learner.tell_many([z], [number])
    assert plain.infeasible == {}
    assert strict.infeasible == {x: "returned NaN", z: "returned NaN"}
    assert strict.new().nan == "infeasible"
    with pytest.raises(ValueError, match="nan must be"):
        make(nan="skip")


def test_nan_among_many_values(make: Callable[..., Any]) -> None:
    learner = make(nan="infeasible")
    xs, _ = learner.ask(20)
    ys = np.where(np.arange(20) % 3 == 0, np.nan, 1.5)
    learner.tell_many(xs, ys)
    assert learner.infeasible == dict.fromkeys(xs[::3], "returned NaN")
    assert all(learner.data[x] == 1.5 for x in xs if x not in learner.infeasible)


@pytest.mark.parametrize("name", LEARNERS)
def test_every_learner_keeps_it_or_refuses_it(name: str) -> None:
    learner = LEARNERS[name]()
    xs, _ = learner.ask(4)
    learner.tell(xs[0], learner.function(xs[0]))
    before = learner.npoints
    try:
        learner.tell(xs[1], Infeasible("no"))
    except TypeError as error:
        assert "needs a value at every point" in str(error)  # noqa: PT017  both outcomes are allowed
        assert learner.npoints == before
        assert learner.infeasible == {}
        assert not learner._takes_infeasible(xs[1])
    else:
        assert learner._takes_infeasible(xs[1])
        key = xs[1][0] if name == "SequenceLearner" else xs[1]
        assert learner.infeasible == {key: "no"}
        assert learner.npoints == before + 1
    learner.forget_failures()
    assert learner.npoints == before
    learner.tell(xs[1], learner.function(xs[1]))
    assert learner.npoints == before + (name != "AverageLearner1D")  # that has more samples at a point
    learner.ask(3)
    learner.loss()


# ---- copies


def test_reasons_are_part_of_copies_and_files(make: Callable[..., Any], tmp_path: Any) -> None:
    learner = fill(make(), 50)
    assert learner.infeasible
    saved = make()
    learner.save(tmp_path / "data")
    saved.load(tmp_path / "data")
    copied = learner.new()
    copied.copy_from(learner)
    for copy in (pickle.loads(cloudpickle.dumps(learner)), saved, copied):
        assert same(copy, learner)
        assert copy.loss() == pytest.approx(learner.loss())
        assert copy.ask(5)[0] == make_like(learner).ask(5)[0]


def make_like(learner: Any) -> Any:
    return pickle.loads(cloudpickle.dumps(learner))


def test_data_that_are_assigned(make: Callable[..., Any]) -> None:
    learner = fill(make(), 30)
    learner.data = {x: y for x, y in learner.data.items() if x not in learner.infeasible}
    assert learner.infeasible == {}
    x = next(iter(learner.data))
    learner.data = {x: Infeasible("new")}
    assert learner.infeasible == {x: "new"}


def test_children_and_savers_pass_it_on() -> None:
    savers = [DataSaver(Learner1D(lambda x: {"y": smooth(x)}, (0.0, 1.0)), itemgetter("y")) for _ in range(2)]
    learner = BalancingLearner(savers)
    simple(learner, npoints_goal=30)
    assert {i for i, _ in learner.infeasible} == {0, 1}
    assert savers[0].extra_data.keys() == savers[0].data.keys() - savers[0].infeasible.keys()
    learner.forget_failures()
    assert learner.infeasible == {}
    assert learner.npoints == len(learner.data)


# ---- what is asked


def only_in_a(x: float, material: str, **others: float) -> float:
    if material == "b":
        raise Infeasible("never")
    return x


@pytest.mark.parametrize("strategy", ["loss_improvements", "loss"])
@pytest.mark.parametrize("kind", [Learner1D, Learner2D, LearnerND, "boxes", "3D"])
def test_a_category_that_fails_everywhere_only_explores(kind: Any, strategy: Any) -> None:
    axes: dict[str, Any] = dict.fromkeys({Learner1D: "x", "3D": "xyz"}.get(kind, "xy"), (0.0, 1.0))
    options = {"partition": "boxes"} if kind == "boxes" else {}
    make: Any = LearnerND if isinstance(kind, str) else kind
    learner = make(only_in_a, Space(**axes, material=["b", "a"]), **options)
    learner.strategy = strategy
    corners = 2 ** len(axes)
    counts = [fill(learner, n).learners[0].npoints for n in (60, 200)]
    # 3 of 60 and 7 of 200 points explore; a tenth of the mean is 3 and 10.
    assert counts[0] <= corners + 4
    assert counts[0] < counts[1] <= corners + 10
    assert learner.loss() == learner.learners[1].loss() != learner.learners[0].loss()
    learner.forget_failures()
    assert learner.ask(1)[0][0][0] == 0


def test_a_category_whose_ends_fail_is_explored_early() -> None:
    """And gets points like others as soon as it has a value."""

    def inside(x: float, material: str) -> float:
        return math.sin(9 * x) if material == "a" or 0.2 < x < 0.8 else raise_it()

    learner: Any = fill(Learner1D(inside, Space(x=(0.0, 1.0), material=["a", "b"])), 60)
    b = learner.learners[1]
    assert len(b.infeasible) < b.npoints
    assert b.npoints > 20
    again = pickle.loads(cloudpickle.dumps(learner))
    assert again.ask(9) == learner.ask(9)


def test_all_categories_fail() -> None:
    learner: Any = fill(Learner2D(lambda x, y, c: raise_it(), Space(x=(0.0, 1.0), y=(0.0, 1.0), c=["a", "b"])), 60)
    assert [child.npoints for child in learner.learners] == [30, 30]
    assert learner.loss() == max(child.loss() for child in learner.learners) > 0


def test_failures_forgotten_are_asked_again(make: Callable[..., Any]) -> None:
    learner = fill(make(), 60)
    kept = {x: y for x, y in learner.data.items() if x not in learner.infeasible}
    learner.ask(3)
    pending = set(learner.pending_points)
    learner.forget_failures()
    assert learner.infeasible == {}
    assert dict(learner.data) == kept
    assert learner.pending_points == pending
    learner.function = lambda point: 1.0
    fill(learner, 120)
    assert any(not is_outside(x) for x in learner.data)
    assert learner.infeasible == {}


def test_cells_at_the_border_have_no_loss_below_the_tolerance() -> None:
    learner = fill(Learner1D(smooth, (0.0, 1.0), feasibility_tol=0.05), 400)
    for left, right in learner.losses:
        if (left in learner.infeasible) != (right in learner.infeasible):
            assert 0.0125 < right - left <= 0.05
            assert learner.losses[left, right] == 0
    assert len(learner.infeasible) < 40


@pytest.mark.parametrize("kind", ["2D", "ND", "boxes"])
def test_the_border_is_found_and_few_points_fail(kind: str) -> None:
    learner = fill(DIVIDING[kind](), 900, at_once=4)
    assert len(learner.infeasible) < 0.15 * learner.npoints
    circle = 0.45 + 0.3 * np.exp(2j * math.pi * np.arange(200) / 200).view(float).reshape(-1, 2)
    share = learner.feasibility
    out, inside = (0.45 + (circle - 0.45) * (1 + sign * 0.02 / 0.3) for sign in (1, -1))
    assert (share(out) > 0.5).mean() > 0.98
    assert (share(inside) < 0.5).mean() > 0.98


@pytest.mark.parametrize("angle", [0.0, 0.9, 2.0])
def test_thin_tips_are_found(angle: float) -> None:
    """Those of a crescent, which end between points with values that are not further apart than the tolerance."""
    shift = 0.14 * np.array([math.cos(angle), math.sin(angle)])

    def crescent(point: Any) -> float:
        offset = np.array(point) - 0.5
        return 1.0 if math.hypot(*offset) > 0.32 or math.hypot(*(offset - shift)) < 0.256 else raise_it()

    learner = fill(LearnerND(crescent, SQUARE, feasibility_tol=0.03), 1000)
    along = (0.32**2 - 0.256**2 + 0.14**2) / 0.28
    rng = np.random.default_rng(0)
    for side in (1, -1):
        across = side * math.sqrt(0.32**2 - along**2)
        tip = 0.5 + (along + 1j * across) * np.exp(1j * angle) * np.array([1, -1j])
        near = tip.real + 0.03 * rng.uniform(-0.7, 0.7, (500, 2))  # a square within the tolerance
        assert (learner.feasibility(near) < 0.5).any()


@pytest.mark.long
@pytest.mark.parametrize(("dim", "seed"), [(2, 0), (2, 2), (3, 1)])
def test_flat_simplices_along_the_bounds_are_not_divided(dim: int, seed: int) -> None:
    """They stay long however often they are divided, and the mesh refuses points that are too close to others."""
    rng = np.random.default_rng([seed, dim])
    normal = rng.normal(size=dim)
    normal /= np.linalg.norm(normal)
    width = rng.uniform(0.08, 0.15)

    def stripe(point: Any) -> float:
        return 1.0 + point[0] if abs(normal @ (np.array(point) - 0.5)) >= width else raise_it()

    learner = fill(LearnerND(stripe, [(0.0, 1.0)] * dim, feasibility_tol=0.02), 700)
    assert learner._simplex_partition().mesh.n_points == learner.npoints
    assert 50 < len(learner.infeasible) < 0.17 * learner.npoints


def test_a_peak_at_the_border_is_resolved_as_elsewhere() -> None:
    """Cells at the border are longer than a peak is wide, and are divided for it beside the border."""
    places = np.random.default_rng(0).random((4000, 2)) * [0.2, 1.0] + [0.3, 0.0]
    true = np.array([peak(place) for place in places])
    cut, whole = (
        fill(LearnerND(function, SQUARE, feasibility_tol=0.2), 300).interpolator()(places) - true
        for function in (peak_on_one_side, peak)
    )
    assert np.sqrt(np.nanmean(cut**2)) <= 1.15 * np.sqrt(np.mean(whole**2))


def peak(point: Any) -> float:
    return math.exp(-40 * ((point[0] - 0.42) ** 2 + (point[1] - 0.5) ** 2))


def peak_on_one_side(point: Any) -> float:
    return peak(point) if point[0] <= 0.5 else raise_it()


@pytest.mark.long
def test_boxes_know_the_border_along_the_bounds() -> None:
    """No points are on the bounds, and triangles along them must not join points that are far apart."""
    learner = fill(DIVIDING["boxes"](above), 700)
    for x in (0.002, 0.998):
        y = np.linspace(0, 1, 201)
        places = np.stack([np.full_like(y, x), y], axis=1)
        share, true = learner.feasibility(places), np.array([above(place, 0.0) >= 0 for place in places])
        near = np.abs([above(place, 0.0) for place in places]) < 0.03
        assert ((share >= 0.5) == true)[~near].all()
        wrong = np.abs(learner.interpolator()(places) - [above(place, 0.0) for place in places])
        assert wrong[true & ~near].max() < 0.01


def above(point: Any, least: float | None = None) -> float:
    """A plane, with values on one side of a line."""
    height = float(point[1] - 0.4 - 0.2 * point[0])
    return height if least is not None or height >= 0 else raise_it()


def test_extrapolation_from_points_along_the_border() -> None:
    """They are nearly on a line, so that the nearest ones hardly show the slope across it."""
    rng = np.random.default_rng(0)
    along = np.stack([0.5 - 0.01 * rng.random(100), 0.25 + 0.005 * np.arange(100)], axis=1)
    coarse = np.stack(np.meshgrid(np.arange(10) * 0.045, np.arange(21) * 0.05), axis=-1).reshape(-1, 2)
    points = np.concatenate([[[0.51, 0.5], [0.52, 0.43], [1.0, 1.0]], along, coarse])
    x, y = points.T
    values = (1 + 2 * x - 3 * y + x**2 - x * y + y**2)[:, None]
    found = extrapolated(points, values, np.arange(len(points)) >= 3)
    missed = np.abs(found - values)[:2, 0]
    assert missed[0] < 0.003
    assert missed[1] < 0.015


def test_extrapolation_follows_the_curvature() -> None:
    """All points with values are on the same side, at twice their distance from each other."""
    points = np.concatenate(
        [[[0.5, 0.53], [0.0, 1.0], [1.0, 1.0]], np.random.default_rng(0).random((5000, 2)) * [1, 0.5]]
    )
    x, y = points.T
    values = (1 + 2 * x - 3 * y + 5 * x**2 - x * y + 5 * y**2)[:, None]
    found = extrapolated(points, values, np.arange(len(points)) >= 3)
    assert found[0] == pytest.approx(values[0], abs=1e-9)


def test_the_border_is_not_halfway_if_other_points_are_closer_to_it() -> None:
    points = np.random.default_rng(0).random((400, 2))
    feasible = np.hypot(*(points - 0.5).T) > 0.3
    distances = signed_distances(points, feasible)
    assert ((distances > 0) == feasible).all()
    errors = []
    for values, level in ((feasible.astype(float), 0.5), (distances, 0.0)):
        ends, _ = level_set(points, values, Delaunay(points).simplices, level)
        errors.append(np.abs(np.hypot(*(ends - 0.5).T) - 0.3))
    halfway, closer = errors
    assert np.sqrt(np.mean(closer**2)) < 0.8 * np.sqrt(np.mean(halfway**2))


def test_distances_go_across_seams() -> None:
    points = np.array([[0.0, 0.5], [1.0, 0.5], [0.1, 0.5], [0.8, 0.5], [0.8, 0.9]])
    feasible = np.array([True, True, True, False, False])
    assert signed_distances(points, feasible, (True, False)) == pytest.approx(
        [0.2, 0.2, 0.3, -0.2, -math.hypot(0.2, 0.4)]
    )
    assert signed_distances(points, feasible) == pytest.approx([0.8, 0.2, 0.7, -0.2, -math.hypot(0.2, 0.4)])
    assert signed_distances(points, ~feasible | feasible).tolist() == [1.0] * 5
    assert signed_distances(points, feasible & ~feasible).tolist() == [-1.0] * 5


def test_nothing_is_feasible(make: Callable[..., Any]) -> None:
    learner = fill(make(raise_it_at), 60)
    assert len(learner.infeasible) == 60
    assert learner.loss() < math.inf or getattr(learner, "partition", "") == "boxes"
    ip = learner.interpolator()
    assert np.isnan(ip(points_in(learner, 9))).all()
    assert (ip.feasibility(points_in(learner, 9)) == 0).all()


def raise_it_at(point: Any) -> float:
    return raise_it()


def points_in(learner: Any, n: int) -> Any:
    ndim = getattr(learner, "ndim", None)
    return np.random.default_rng(0).random(n if ndim is None else (n, ndim))


def test_interpolators_are_nan_where_there_is_no_value(make: Callable[..., Any]) -> None:
    learner = fill(make(), 200, at_once=3)
    for smoothly in (False, True, "auto"):
        ip = pickle.loads(pickle.dumps(learner.interpolator(smooth=smoothly)))
        points = points_in(learner, 300)
        values, share = ip(points), ip.feasibility(points)
        assert values.shape == share.shape == (300,)
        assert ((share >= 0) & (share <= 1)).all()
        assert (np.isnan(values) == (share < 0.5)).all()
        true = np.array([is_outside(x) for x in points])
        assert ((share >= 0.5) == true).mean() > 0.9
        known = true & ~np.isnan(values)
        wrong = np.abs(values[known] - [smooth(x) for x in points[known]])
        assert np.median(wrong) < 0.12  # in three dimensions 0.08 to 0.12, depending on the disc
        assert wrong.max() < 0.7
        assert (np.isnan(ip.error(points)) == np.isnan(values)).all()


# ---- what is known beforehand

SHAPES: dict[str, Callable[[Any], bool]] = {
    "disc": is_outside,
    "nothing but a disc": lambda point: not is_outside(point),
    "corner": lambda point: float(np.sum(point)) > 0.3,
    "stripes": lambda point: math.sin(15 * float(np.sum(point))) > 0,
    "ring": lambda point: 0.2 < math.hypot(*(x - 0.5 for x in np.atleast_1d(point))) < 0.4,
}


@pytest.mark.parametrize("shape", ["disc", *(pytest.param(each, marks=pytest.mark.long) for each in list(SHAPES)[1:])])
def test_what_is_not_feasible_is_never_asked_for(make: Callable[..., Any], shape: str) -> None:
    feasible = SHAPES[shape]
    learner = make(lambda point: float(np.sum(point)) ** 2, feasible=feasible)
    asked: list[Any] = []
    for n in (1, 5, 2, 60):
        planned, _ = learner.ask(n, tell_pending=False)
        assert all(map(feasible, planned))
        assert learner.ask(n, tell_pending=False)[0] == planned
        assert not learner.pending_points
        xs, _ = learner.ask(n)
        assert len(xs) == n
        asked += xs
        learner.tell_many(xs, [learner.function(x) for x in xs])
    assert all(map(feasible, asked))
    assert len(set(asked)) == len(asked)
    assert learner.data.keys() == set(asked)
    assert learner.npoints == len(asked)
    assert learner.infeasible == {}
    assert 0 < learner.loss() < math.inf
    share = learner.interpolator().feasibility(points_in(learner, 300))
    true = np.array([feasible(x) for x in points_in(learner, 300)])
    assert ((share >= 0.5) == true).mean() > (0.6 if shape != "stripes" else 0.4)  # those are thin
    for copy in (make_like(learner), learner.new()):
        assert all(map(feasible, copy.ask(20)[0]))


def test_points_told_where_it_is_not_feasible(make: Callable[..., Any]) -> None:
    learner = make(lambda point: 1.0, feasible=is_outside)
    while learner.npoints < 40:
        for x in learner.ask(4)[0]:
            learner.tell(x, float(np.sum(x)))
    barred = [learner._line.x[i] for i in learner._line.barred] if hasattr(learner, "_line") else learner._barred
    x, *others = [float(x) if hasattr(learner, "_line") else x for x in barred][:3]
    learner.tell(x, 0.25)
    assert learner.data[x] == 0.25
    learner.tell_many(others, [0.5] * len(others))
    assert all(learner.data[each] == 0.5 for each in others)
    fill(learner, 70)
    learner.feasible = None
    fill(learner, 150)
    assert any(not is_outside(each) for each in learner.data.keys() - {x, *others})


def test_nothing_is_feasible_beforehand() -> None:
    with pytest.raises(ValueError, match="feasible must be true somewhere"):
        Learner1D(smooth, (0.0, 1.0), feasible=lambda x: False).ask(1)
    with pytest.raises(TypeError, match="feasible must be a function"):
        Learner2D(smooth, SQUARE, feasible=True)


@pytest.mark.parametrize("answer", [math.nan, None, "yes", 1.0, np.array([True, False]), np.array([])])
def test_feasible_returns_true_or_false(make: Callable[..., Any], answer: Any) -> None:
    """Anything else has a truth value that is probably not meant, or none."""
    learner = make(feasible=lambda point: answer)
    with pytest.raises(TypeError, match="feasible must return True or False, got"):
        learner.ask(1)
    assert not learner.pending_points
    learner.feasible = lambda point: np.array([point == point])
    assert learner.ask(1)[0]


def test_an_error_of_feasible_is_raised_as_it_is(make: Callable[..., Any]) -> None:
    learner = make(feasible=lambda point: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        learner.ask(1)


LATTICES: dict[str, Callable[..., Any]] = {
    "1D": lambda **options: Learner1D(lambda n: smooth((n, 0)), Space(n=Int(0, 19)), **options),
    "2D": lambda **options: Learner2D(lambda n, m: smooth((n, m)), Space(n=Int(0, 4), m=Int(1, 4)), **options),
    "ND": lambda **options: LearnerND(lambda n, m: smooth((n, m)), Space(n=Int(0, 4), m=Int(1, 4)), **options),
    "boxes": lambda **options: LearnerND(
        lambda n, m: smooth((n, m)), Space(n=Int(0, 4), m=Int(1, 4)), partition="boxes", **options
    ),
}


def is_even(n: int, m: int = 0) -> bool:
    return (n + m) % 2 == 0


@pytest.mark.parametrize("name", LATTICES)
def test_all_feasible_whole_numbers_are_asked_for_and_no_others(name: str) -> None:
    learner = LATTICES[name](feasible=is_even)
    asked = []
    while not learner.done():
        assert learner.loss() > 0
        points, _ = learner.ask(3)
        assert points
        asked += points
        learner.tell_many(points, [Infeasible("no") if i % 2 else 1.0 for i in range(len(points))])
    assert len(asked) == len(set(asked)) == 10
    assert all(is_even(*(point if isinstance(point, tuple) else (point,))) for point in asked)
    assert learner.ask(3)[0] == []
    assert learner.loss() == 0
    learner.feasible = None
    assert not learner.done()
    assert len(learner.ask(100)[0]) == 10


@pytest.mark.parametrize("name", LATTICES)
def test_no_whole_number_is_feasible(name: str) -> None:
    learner = LATTICES[name](feasible=lambda **named: False)
    with pytest.raises(ValueError, match="feasible must be true somewhere"):
        learner.ask(3)
    assert not learner.done()
    point = LATTICES[name]().ask(1)[0][0]
    learner.tell(point, 1.0)  # nevertheless
    assert dict(learner.data) == {point: 1.0}
    assert learner.done()


def test_over_a_space() -> None:
    space = adaptive_dask.Space(energy=adaptive_dask.Log(1.0, 100.0), field=(0.0, 1.0))

    def is_possible(energy: float, field: float) -> bool:
        return energy > 3 or field > 0.5

    def gap(energy: float, field: float) -> float:
        assert is_possible(energy, field)
        if energy > 50:
            raise Infeasible("too hot")
        return math.log(energy) * field

    learner = Learner2D(gap, space, feasible=is_possible)
    simple(learner, npoints_goal=80)
    assert learner.infeasible
    assert all(energy > 50 for energy, _ in learner.infeasible)
    assert set(learner.infeasible.values()) == {"too hot"}
    copy = make_like(learner)
    assert same(copy, learner)
    wider = learner.extended(adaptive_dask.Space(energy=adaptive_dask.Log(1.0, 1000.0), field=(0.0, 1.0)))
    assert wider.infeasible == learner.infeasible
    assert all(is_possible(*point) for point in wider.ask(50)[0])
    share = learner.feasibility(energy=np.array([90.0, 20.0, 1.5]), field=np.array([0.7, 0.7, 0.2]))
    assert (share > 0.5).tolist() == [False, True, False]
    learner.forget_failures()
    assert learner.infeasible == {}
    assert learner.npoints == len(learner.data)


# ---- runs


def test_runs_tell_it_and_count_no_failure(make: Callable[..., Any]) -> None:
    with ThreadPoolExecutor(2) as executor:
        runner = BlockingRunner(make(), npoints_goal=40, executor=executor, retries=5, log=True)
    learner = runner.learner
    assert learner.infeasible
    assert set(learner.infeasible.values()) == {"inside of the disc"}
    assert runner.failures == []
    again = make()
    replay_log(again, runner.log)
    assert again.infeasible == learner.infeasible


def test_other_learners_treat_it_as_a_failure() -> None:
    learner = adaptive_dask.AverageLearner(raise_it_at, atol=0.1)
    with pytest.raises(errors.FunctionError, match="inside of the disc"):
        BlockingRunner(learner, npoints_goal=5, executor=ThreadPoolExecutor(1))


def broken(point: Any) -> float:
    if not is_outside(point):
        raise ZeroDivisionError("the solver stopped")
    return 1.0


def test_errors_that_count_as_infeasible(make: Callable[..., Any]) -> None:
    runner = BlockingRunner(make(broken), npoints_goal=30, executor=ThreadPoolExecutor(1), on_error="infeasible")
    assert set(runner.learner.infeasible.values()) == {"ZeroDivisionError: the solver stopped"}
    with pytest.raises(ValueError, match='"infeasible"'):
        BlockingRunner(make(broken), npoints_goal=30, executor=ThreadPoolExecutor(1), on_error="ignore")


def batch(points: Any) -> Any:
    if not all(map(is_outside, points)):
        raise Infeasible("inside of the disc")
    return np.ones(len(points))


def test_vectorized_functions(make: Callable[..., Any]) -> None:
    runner = BlockingRunner(make(batch), npoints_goal=60, executor=ThreadPoolExecutor(1), vectorized=True)
    assert runner.learner.infeasible
    assert all(not is_outside(x) for x in runner.learner.infeasible)
    assert all(is_outside(x) for x in runner.learner.data.keys() - runner.learner.infeasible.keys())


def test_a_checkpoint_keeps_reasons(tmp_path: Any) -> None:
    for n in (20, 40):
        runner = BlockingRunner(
            Learner1D(smooth, (0.0, 1.0)), npoints_goal=n, executor=ThreadPoolExecutor(1), checkpoint=tmp_path / "c"
        )
    assert runner.learner.infeasible
    assert same(adaptive_dask.load(tmp_path / "c"), runner.learner)
