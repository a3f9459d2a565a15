"""Learners over a Space: the points of the learner inside, in the coordinates and under the names of the user."""

from __future__ import annotations

import inspect
import math
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Annotated, Any

import holoviews
import numpy as np
import pytest

import adaptive_dask as adaptive
from adaptive_dask import Fixed, Infeasible, Int, Log, Periodic, Space
from adaptive_dask.dashboard.patch import Patch
from adaptive_dask.dashboard.samples.kinds import make_follower
from adaptive_dask.learner.axes.axis import UnsupportedAxisError
from adaptive_dask.learner.axes_learner import AxesLearner
from adaptive_dask.runner.calls import describe_call
from adaptive_dask.storage.learner_identity import identity
from adaptive_dask.testing import GUARANTEES, check_learner
from adaptive_dask.testing import functions as known
from tests.storage.test_frames import through_csv

LINE = Space(energy=Log(1e-2, 1e3))
PLANE = Space(energy=Log(1e-2, 1e3), field=(-1, 1))


def on_line(energy: Annotated[float, "meV", "photon energy"], gap: float = 0.0) -> float:
    return known.peak(math.log10(energy) / 3) + gap


def on_plane(energy: float, field: float) -> float:
    return math.exp(-((math.log10(energy) - 0.3) ** 2) - field**2)


def in_space(energy: float, field: float, time: float) -> float:
    return on_plane(energy, field) * time


def noisy(seed: int, energy: float) -> float:
    return math.log10(energy) + 0.1 * math.sin(1e4 * seed)


def around(energy: float) -> float:
    return math.exp(3 * math.cos(math.radians(energy - 40)))


def named(energy: float) -> dict[str, float]:
    return {"y": on_line(energy)}


BOX = Space(energy=Log(1e-2, 1e3), field=(-1, 1), time=Log(1, 3))

LEARNERS: dict[str, Callable[[], Any]] = {
    "Learner1D": lambda: adaptive.Learner1D(on_line, LINE),
    "Learner1D, no logarithm": lambda: adaptive.Learner1D(on_line, Space(energy=(0.01, 10), gap=3.0)),
    "Learner1D, near 1": lambda: adaptive.Learner1D(on_line, Space(energy=Log(0.999, 1.001))),
    "Learner2D": lambda: adaptive.Learner2D(on_plane, PLANE),
    "LearnerND": lambda: adaptive.LearnerND(in_space, BOX),
    "LearnerND, 1-D": lambda: adaptive.LearnerND(on_line, LINE),
    "LearnerND, boxes": lambda: adaptive.LearnerND(in_space, BOX, partition="boxes"),
    "AverageLearner1D": lambda: adaptive.AverageLearner1D(noisy, LINE, min_samples=3),
    "RationalLearner1D": lambda: adaptive.RationalLearner1D(on_line, LINE),
    "SparseGridLearner": lambda: adaptive.SparseGridLearner(in_space, BOX),
    "IntegratorLearner": lambda: adaptive.IntegratorLearner(on_line, Space(energy=(0.1, 10)), 1e-10),
    "Learner1D, periodic": lambda: adaptive.Learner1D(around, Space(energy=Periodic(0, 360))),
    "LearnerND, periodic": lambda: adaptive.LearnerND(on_plane, Space(energy=Log(1, 10), field=Periodic(-1, 1))),
    "DataSaver": lambda: adaptive.DataSaver(adaptive.Learner1D(named, LINE), itemgetter("y")),
    "BalancingLearner": lambda: adaptive.BalancingLearner(
        [adaptive.Learner1D(on_line, Space(energy=Log(1e-2, 1e3), gap=gap)) for gap in (0.0, 1.0)]
    ),
}


def run(learner: Any, n: int = 60, at_a_time: int = 1) -> Any:
    while learner.npoints < n:
        points = learner.ask(at_a_time)[0]
        if not points:
            break
        learner.tell_many(points, [learner.function(x) for x in points])
    return learner


@pytest.mark.long
@pytest.mark.parametrize("name", LEARNERS)
def test_every_guarantee(name: str) -> None:
    assert check_learner(LEARNERS[name], n=20, max_seconds=2.0) == [*GUARANTEES, "bounded_cost"]


def test_a_learner_of_scikit_optimize() -> None:
    pytest.importorskip("skopt")
    from sklearn.gaussian_process import GaussianProcessRegressor

    options = {
        "base_estimator": GaussianProcessRegressor(optimizer=None),
        "acq_optimizer": "sampling",
        "acq_optimizer_kwargs": {"n_points": 100},
        "n_initial_points": 3,
        "random_state": 0,
    }
    learner = run(adaptive.SKOptLearner(on_plane, PLANE, **options), 10)
    same = run(adaptive.SKOptLearner(on_plane, dimensions=PLANE, **options), 10)
    assert learner.data == same.data
    assert all(0.01 <= energy <= 1000 and -1 <= field <= 1 for energy, field in learner.data)
    line = run(adaptive.SKOptLearner(on_line, LINE, **options), 10)
    assert all(0.01 <= energy <= 1000 for energy in line.data)


@pytest.mark.parametrize("at_a_time", [1, 7])
def test_points_along_a_logarithm_are_those_of_a_function_of_the_exponent(at_a_time: int) -> None:
    by_hand: Any = adaptive.Learner1D(lambda u: on_line(10.0**u), (-2.0, 3.0))
    learner = run(adaptive.Learner1D(on_line, LINE), 300, at_a_time)
    run(by_hand, 300, at_a_time)
    assert list(learner.data) == [10.0**u for u in by_hand.data]
    assert list(learner.data.values()) == list(by_hand.data.values())
    assert learner.loss() == by_hand.loss()

    plane: Any = adaptive.Learner2D(lambda p: on_plane(10.0 ** p[0], p[1]), [(-2.0, 3.0), (-1.0, 1.0)])
    run(plane, 150, at_a_time)
    learner = run(adaptive.Learner2D(on_plane, PLANE), 150, at_a_time)
    assert list(learner.data) == [(10.0**u, field) for u, field in plane.data]


def test_without_a_logarithm_points_are_those_without_a_space() -> None:
    plain = run(adaptive.Learner2D(lambda p: on_plane(*p), [(1, 2), (-1, 1)]), 100)
    learner = run(adaptive.Learner2D(on_plane, Space(energy=(1, 2), field=(-1, 1))), 100)
    assert learner.data == plain.data
    # Everything that the learner inside has is in the coordinates of the user.
    assert np.array_equal(learner.xy_scale, plain.xy_scale)


def test_the_function_is_called_with_keyword_arguments() -> None:
    calls: list[dict[str, Any]] = []

    def f(*, field: float, energy: float, material: Any, more: int = 3) -> float:
        calls.append({"field": field, "energy": energy, "material": material, "more": more})
        return 1.0

    material = object()
    learner = adaptive.Learner2D(f, Space(energy=Log(1, 10), material=material, field=(-1, 1)))
    assert learner.function((2.0, 0.5)) == 1.0
    assert calls == [{"field": 0.5, "energy": 2.0, "material": material, "more": 3}]
    learner.function = partial(f, more=4)
    learner.function((2.0, 0.5))
    assert calls[-1]["more"] == 4
    noise = adaptive.AverageLearner1D(lambda seed, energy: (seed, energy), LINE)
    assert noise.function((3, 2.0)) == (3, 2.0)


def test_a_vectorized_function_gets_an_array_for_each_name() -> None:
    def f(energy: Any, field: Any, offset: float) -> Any:
        assert energy.shape == field.shape == (3,)
        return np.log10(energy) + field + offset

    learner: Any = adaptive.Learner2D(f, Space(energy=Log(1, 10), field=(-1, 1), offset=0.5))
    assert learner.function.call_batch([(1.0, 0.0), (10.0, 0.0), (10.0, 1.0)]) == [0.5, 1.5, 2.5]


@pytest.mark.parametrize("name", [name for name in LEARNERS if name != "BalancingLearner"])
def test_copies_continue_as_the_original(name: str, tmp_path: Path) -> None:
    learner = run(LEARNERS[name]())
    learner.ask(3)
    copies = [pickle.loads(pickle.dumps(learner)), learner.new(), learner.new()]
    copies[1].copy_from(learner)
    learner.save(tmp_path / "data")
    copies[2].load(tmp_path / "data")
    learner.remove_unfinished()
    after = learner.ask(5)
    for copy in copies:
        assert list(copy.data.items()) == list(learner.data.items())
        if name not in ("SparseGridLearner", "IntegratorLearner"):  # these forget whose turn it was
            assert copy.ask(5) == after


def test_results_that_are_told_by_hand_have_the_coordinates_of_the_user() -> None:
    learner = adaptive.Learner1D(on_line, LINE)
    learner.tell_many([0.5, 2.0, 700.0, 2000.0], [1, 2, 3, 4])
    assert learner.data == {0.5: 1, 2.0: 2, 700.0: 3, 2000.0: 4}
    learner.tell_pending(7.0)
    assert learner.pending_points == {7.0}
    learner.tell(7.0, 5)
    learner.tell(7.0, 6)
    assert not learner.pending_points
    assert learner.data[7.0] == 5
    learner.data = {3.0: 1.0, 4.0: 2.0}
    assert learner.data == {3.0: 1.0, 4.0: 2.0}
    assert learner.npoints == 2
    with pytest.raises(TypeError, match="cannot be changed in place"):
        learner.data[5.0] = 3


def test_neighbouring_numbers_are_all_kept() -> None:
    # Their logarithms are equal.
    xs = [1e3]
    for _ in range(20):
        xs.append(math.nextafter(xs[-1], 0))
    one_by_one, together = adaptive.Learner1D(on_line, LINE), adaptive.Learner1D(on_line, LINE)
    for i, x in enumerate(xs):
        one_by_one.tell(x, i)
    together.tell_many(xs, range(len(xs)))
    expected = dict(zip(xs, range(len(xs)), strict=True))
    assert one_by_one.data == together.data == expected


def test_no_point_is_asked_for_twice_where_logarithms_are_closer_than_numbers() -> None:
    low = 1.0
    learner = adaptive.Learner1D(
        lambda energy: math.inf if energy == 1 else 1 / (energy - 1), Space(energy=Log(low, 1 + 1e-14))
    )
    asked = [x for _ in range(60) for x in learner.ask(2)[0]]
    assert len(set(asked)) == len(asked) > 20
    assert all(low <= x <= 1 + 1e-14 for x in asked)


@pytest.mark.parametrize(
    ("x", "y", "error", "text"),
    [
        (0.0, 1.0, ValueError, "must be positive on a logarithmic axis, got 0.0"),
        (-1, 1.0, ValueError, "must be positive"),
        (math.nan, 1.0, ValueError, "finite"),
        ("a", 1.0, TypeError, "real number"),
        (2.0, "a", TypeError, "value at 2.0 must be"),
        (2.0, 1j, TypeError, "value at 2.0 must be"),
        (2.0, None, TypeError, "value at 2.0 must be"),
    ],
)
def test_errors_have_the_coordinates_of_the_user(x: Any, y: Any, error: type[Exception], text: str) -> None:
    learner = adaptive.Learner1D(on_line, LINE)
    for tell in (learner.tell, lambda x, y: learner.tell_many([5.0, x], [1.0, y])):
        with pytest.raises(error, match=text):
            tell(x, y)
        assert not learner.data


def test_what_is_in_transformed_coordinates_is_refused() -> None:
    learner = run(adaptive.Learner1D(on_line, LINE), 10)
    with pytest.raises(AttributeError, match=r"learner\.learner\.losses, which has log10\(energy\)"):
        _ = learner.losses
    assert not hasattr(learner, "poles")
    assert learner.vdim == 1
    assert max(learner.learner.losses.values()) == learner.loss()


def test_settings_are_those_of_the_learner_inside() -> None:
    learner: Any = run(adaptive.Learner1D(on_line, LINE), 10)
    before = learner.loss()
    learner.loss_per_interval = adaptive.learner.learner1D.uniform_loss
    assert learner.learner.loss_per_interval is learner.loss_per_interval
    assert learner.loss() != before
    assert learner.new().loss_per_interval is learner.loss_per_interval


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: adaptive.SequenceLearner(on_line, LINE), UnsupportedAxisError, "Use one of Learner1D"),
        (lambda: adaptive.AverageLearner(on_line, LINE), UnsupportedAxisError, "does not support a Space"),
        (lambda: adaptive.IntegratorLearner(on_line, LINE, 1e-3), UnsupportedAxisError, "does not support Log axes"),
        (lambda: adaptive.Learner1D(on_plane, PLANE), ValueError, "must have 1 axis that varies, got 2"),
        (lambda: adaptive.Learner2D(on_line, LINE), ValueError, "must have 2 axes that vary, got 1"),
        (lambda: adaptive.Learner1D(on_plane, LINE), TypeError, "missing a required argument: 'field'"),
        (lambda: adaptive.Learner1D(lambda e: e, LINE), TypeError, "function must take the arguments energy by name"),
        (lambda: adaptive.AverageLearner1D(on_line, LINE), TypeError, "arguments seed, energy by name"),
        (lambda: adaptive.AverageLearner1D(noisy, Space(seed=Log(1, 2))), ValueError, "another name"),
        (lambda: adaptive.Learner1D(LINE, LINE), TypeError, "one space, got 2"),
    ],
)
def test_learners_without_a_space_say_which_have_one(make: Callable[[], Any], error: Any, text: str) -> None:
    with pytest.raises(error, match=text):
        make()


def test_a_class_of_a_user_can_have_a_space() -> None:
    class Counting(adaptive.Learner1D):
        def tell(self, x: float, y: Any) -> None:
            self.told = getattr(self, "told", 0) + 1
            super().tell(x, y)

    learner = run(Counting(on_line, LINE), 10)
    assert isinstance(learner, AxesLearner)
    assert learner.learner.told == 10


def test_the_interpolator_takes_points_of_the_user_and_names() -> None:
    learner = run(adaptive.Learner2D(on_plane, PLANE), 400)
    surface = learner.interpolator()
    x = np.array([(1.0, 0.2), (30.0, -0.5)])
    expected = [on_plane(*point) for point in x]
    assert surface(x) == pytest.approx(expected, abs=0.02)
    assert np.array_equal(surface(energy=x[:, 0], field=x[:, 1]), surface(x))
    assert surface(energy=[1.0, 2.0, 3.0], field=0.5).shape == (3,)
    assert surface.error(x).shape == (2,)
    assert np.isnan(surface(np.array([(1e-3, 0.0), (-1.0, 0.0)]))).all()
    assert np.array_equal(pickle.loads(pickle.dumps(surface))(x), surface(x))
    for wrong in ({}, {"energy": 1.0}, {"energy": 1.0, "field": 1.0, "more": 1.0}):
        with pytest.raises(TypeError, match="energy, field"):
            surface(**wrong)
    with pytest.raises(ValueError, match=r"\(n, 2\)"):
        surface([1.0, 2.0, 3.0])


def test_arguments_may_have_any_name() -> None:
    learner = run(adaptive.Learner1D(lambda self, point=3.0: self * point, Space({"self": (0, 1)})), 5)
    surface = learner.interpolator()
    assert surface(self=0.5) == 1.5
    assert surface.feasibility(self=0.5) == learner.feasibility(self=0.5) == 1.0
    assert surface.error(self=0.5) >= 0
    assert learner.space.replaced(self=(0, 2)).axes["self"].high == 2
    assert partial(learner.function, point=2.0)(0.5) == 1.0


@pytest.mark.parametrize("name", LEARNERS)
def test_data_frames_have_the_names_of_the_space(name: str) -> None:
    pytest.importorskip("pandas")
    learner = run(LEARNERS[name]())
    df = learner.to_dataframe()
    assert df.attrs["inputs"][-1] in ("energy", "field", "time")
    if name not in ("LearnerND, 1-D", "Learner1D, periodic"):  # its points are tuples also in the frame
        assert df["energy"].between(1e-3, 1e3).all()
    copy = learner.new()
    copy.load_dataframe(df)
    assert dict(copy.data) == dict(learner.data)


def test_the_data_frame_has_fixed_values_and_other_defaults() -> None:
    pytest.importorskip("pandas")

    def f(y: float, gap: float, other: int = 7) -> float:
        return y

    learner = adaptive.Learner1D(f, Space(y=(0, 1), gap=0.5))
    learner.tell(0.25, 3.0)
    df = learner.to_dataframe()
    assert df.to_dict("list") == {"y": [0.25], "gap": [0.5], "value": [3.0], "function.other": [7]}
    df["gap"] = 0.75
    with pytest.raises(ValueError, match=r"'gap' must have the value 0\.5"):
        learner.new().load_dataframe(df)
    df = df.assign(gap=0.5)
    df["function.other"] = 8
    with pytest.warns(UserWarning, match="other=8"):
        learner.load_dataframe(df)
    assert inspect.signature(learner.learner.function).parameters["other"].default == 8


@pytest.mark.parametrize(
    "value",
    ["None", "NA", None, math.nan, "1e5", "007", "True", False, Fixed((1, 2.5)), np.arange(3000.0), "a,\n 'b' "],
)
def test_fixed_values_and_categories_survive_text_files(value: Any) -> None:
    spaces = Space(energy=(1, 2), field=value), Space(energy=(1, 2), field=["other", *[value] * isinstance(value, str)])
    for space in spaces:
        learner = run(adaptive.Learner1D(lambda energy, field: energy, space), 6)
        df = learner.to_dataframe()
        other = learner.new()
        other.load_dataframe(through_csv(df))
        assert dict(other.data) == dict(learner.data)
    another = adaptive.Learner1D(lambda energy, field: energy, Space(energy=(1, 2), field=np.ones(3000)))
    with pytest.raises(ValueError, match="must have the value"):
        another.load_dataframe(df)


def test_calls_and_identities_have_names() -> None:
    learner = adaptive.Learner1D(on_line, Space(energy=Log(1, 10), gap=0.5))
    assert describe_call(learner, 2.0) == "on_line(energy=2.0, gap=0.5)"
    found = identity(learner)
    assert found["axes"] == [["energy", "Log", 1.0, 10.0], ["gap", "Fixed", 0.5]]
    assert found != identity(adaptive.Learner1D(on_line, Space(energy=Log(1, 10), gap=0.6)))
    assert repr(learner) == "<AxesLearner of on_line on (1.0, 10.0): 0 points>"


@pytest.mark.long
@pytest.mark.parametrize("name", LEARNERS)
@pytest.mark.parametrize("n", [0, 60])
def test_pictures_have_the_names_and_the_coordinates_of_the_user(name: str, n: int) -> None:
    learner = run(LEARNERS[name](), n)
    if name in ("LearnerND", "LearnerND, boxes"):
        with pytest.raises(NotImplementedError):
            learner.plot()
        return
    if name == "BalancingLearner":
        learner = learner.learners[0]
    picture = learner.plot()
    for backend in ("bokeh", "matplotlib"):
        if backend in holoviews.Store.loaded_backends():
            holoviews.render(picture, backend=backend)
    x = next(iter(picture)).kdims[0]
    if name != "SparseGridLearner":
        assert x.label in ("photon energy", "energy")
        low, high = picture.range(x)
        assert high > 9 or "near" in name
        assert low > 0 or not isinstance(learner.space.axes["energy"], Log)
    if n and name == "Learner1D":
        points = picture.get(0)
        assert sorted(learner.data) == pytest.approx(points.dimension_values(0), rel=1e-12)
        assert x.unit == "meV"


@pytest.mark.parametrize("name", LEARNERS)
def test_the_dashboard_shows_the_names_of_the_space(name: str) -> None:
    learner = run(LEARNERS[name]())
    if name == "DataSaver":
        learner = learner.learner
    pending = learner.ask(2)[0]
    follower = make_follower(learner)
    prepared = follower.prepare(follower.read(learner, pending))
    chart = follower.make_chart()
    patch = Patch()
    chart.show(prepared, patch)
    patch.apply()
    if name != "BalancingLearner":
        figures = [each for each in chart.root.references() if type(each).__name__ == "figure"]
        assert figures[0].xaxis[0].axis_label in ("photon energy (meV)", "energy")
        assert len(prepared.get("pending", pending)) == len(pending)


def with_material(energy: float, field: float = 0.3, material: str = "Si", order: int = 1) -> float:
    return math.log10(energy) * field + len(material) * order


def test_the_budget_of_categories_ends_when_all_is_known() -> None:
    learner = adaptive.Learner1D(lambda n, a: n + a, Space(n=adaptive.Int(1, 5), a=[0, 1]))
    with ThreadPoolExecutor(1) as executor:
        runner = adaptive.BlockingRunner(learner, npoints_goal=7, executor=executor)
        assert runner.learner.npoints == 7
        runner = adaptive.BlockingRunner(learner, npoints_goal=100, executor=executor)
    assert runner.learner.npoints == 10
    again = learner.new()
    adaptive.simple(again, npoints_goal=100)
    assert again.npoints == 10


def test_categories_become_children_that_share_the_points() -> None:
    space = Space(energy=Log(1, 100), material=["Si", "GaAs"], field=adaptive.Linear(0, 1), order=[1, 2])
    learner: Any = adaptive.Learner2D(with_material, space)
    assert isinstance(learner, adaptive.BalancingLearner)
    assert learner.cdims == [{"material": m, "order": o} for m in ("Si", "GaAs") for o in (1, 2)]
    run(learner, 60)
    assert learner.npoints == 60
    assert all(child.npoints >= 10 for child in learner.learners)
    assert learner.function((2, (10.0, 0.5))) == with_material(10.0, 0.5, "GaAs", 1)
    assert describe_call(learner, (3, (10.0, 0.5))) == "with_material(energy=10.0, field=0.5, material='GaAs', order=2)"
    copy = pickle.loads(pickle.dumps(learner))
    assert copy.data == learner.data
    for same in (copy, learner.new(), adaptive.DataSaver(learner.new(), lambda y: y)):
        adaptive.simple(same, npoints_goal=70)  # in total
        assert same.npoints == 70
    df = pytest.importorskip("pandas") and learner.to_dataframe()
    assert set(df["material"]) == {"Si", "GaAs"}
    with pytest.raises(ValueError, match="categories only"):
        adaptive.Learner1D(with_material, Space(material=["Si", "GaAs"]))


def test_a_space_can_grow_and_fixed_values_can_be_freed() -> None:
    learner: Any = run(adaptive.Learner1D(with_material, Space(energy=Log(1, 100), field=0.3)), 20)
    learner.loss_per_interval = adaptive.learner.learner1D.uniform_loss
    wider = learner.extended(Space(energy=Log(1, 1000), field=0.3))
    assert list(wider.data.items()) == list(learner.data.items())
    assert wider.loss_per_interval is learner.loss_per_interval
    assert wider.ask(1)[0] == [1000.0]
    plane = wider.extended(Space(energy=Log(1, 1000), field=(0, 1)))
    assert isinstance(plane.learner, adaptive.Learner2D)
    assert plane.data == {(energy, 0.3): value for energy, value in learner.data.items()}
    assert not set(run(plane, 60).data) < {(energy, 0.3) for energy in learner.data}
    box = plane.extended(Space(energy=(1, 1000), field=(0, 1), order=(1, 2)))
    assert isinstance(box.learner, adaptive.LearnerND)
    assert box.data == {(*point, 1): value for point, value in plane.data.items()}
    noise = run(adaptive.AverageLearner1D(noisy, LINE, min_samples=3), 5)
    more = noise.extended(Space(energy=Log(1e-3, 1e3)))
    assert more.nsamples == noise.nsamples
    assert more.data == pytest.approx(noise.data)
    assert more.learner.min_samples == 3


@pytest.mark.parametrize(
    ("space", "error", "text"),
    [
        (Space(energy=Log(1, 100), field=0.4), ValueError, r"value 0\.3 of the data, got 0\.4"),
        (Space(energy=Log(1, 100)), ValueError, "none called 'field'"),
        (Space(energy=2.0, field=(0, 1)), ValueError, "energy must vary"),
        (Space(energy=(1, 2), field=0.3, more=1), TypeError, "by name"),
        (Space(energy=(1, 2), field=0.3, material=["a", "b"]), UnsupportedAxisError, "without categories"),
        ((1, 2), TypeError, "must be a Space"),
    ],
)
def test_data_are_not_moved_to_where_they_do_not_belong(space: Any, error: type[Exception], text: str) -> None:
    learner = run(adaptive.Learner1D(with_material, Space(energy=Log(1, 100), field=0.3)), 5)
    with pytest.raises(error, match=text):
        learner.extended(space)


def with_gap(energy: float, field: float = 0.5, order: int = 1) -> float:
    if energy > 6:
        raise Infeasible("too large")
    return math.sin(energy) + field * order


def feasible(energy: float, field: float = 0.5, order: int = 1) -> bool:
    return energy > 2


def run_with_gap(learner: Any, n: int) -> Any:
    adaptive.simple(learner, goal=lambda each: each.npoints >= n)
    return learner


def energies(learner: Any) -> set[float]:
    return {point[0] if isinstance(point, tuple) else point for point in learner.data}


@pytest.mark.parametrize("kind", [adaptive.Learner1D, adaptive.LearnerND])
@pytest.mark.parametrize("axis", [(1, 9), Log(1, 9), Int(1, 9), Periodic(1, 9)])
def test_points_without_a_value_and_their_settings_are_extended(kind: Any, axis: Any) -> None:
    learner = kind(with_gap, Space(energy=axis), feasible=feasible, nan="infeasible", feasibility_tol=0.07)
    run_with_gap(learner, 6).tell_pending(2 if kind is adaptive.Learner1D else (2,))
    for axes in ({"field": 0.5}, {"field": (0, 1)}, {"field": (0, 1), "order": (0, 2)}):
        wider = learner.extended(Space(energy=(0, 20), **axes))
        assert energies(wider) == energies(learner)
        assert len(wider.infeasible) == len(learner.infeasible)
        assert set(wider.infeasible.values()) == {"too large"}
        assert (wider.nan, wider.feasibility_tol) == ("infeasible", 0.07)
        assert not wider.pending_points
        more = run_with_gap(wider, 20).extended(Space(energy=(0, 30), **{"order": (0, 2), **axes, "field": (0, 2)}))
        assert more.npoints == 20
        assert len(more.infeasible) == len(wider.infeasible)
        assert all(energy > 2 for energy in energies(wider) - energies(learner))
    with pytest.raises(TypeError, match="feasible must take the arguments energy, field by name"):
        kind(with_gap, Space(energy=(0, 1)), feasible=lambda energy: True).extended(Space(energy=(0, 2), field=0.5))


def test_named_results_are_extended() -> None:
    learner = adaptive.DataSaver(adaptive.Learner1D(named, LINE), learn="y", evaluation=True)
    run(learner, 12)
    wider = learner.extended(Space(energy=Log(1e-3, 1e4)))
    assert isinstance(wider, adaptive.DataSaver)
    assert dict(wider.data) == dict(learner.data)
    assert dict(wider.extra_data) == dict(learner.extra_data)
    assert len(run(wider, 20).extra_data) == 20
    assert wider.learn == "y"
    with pytest.raises(TypeError, match="must be over a Space without categories to be extended, got a Learner1D"):
        adaptive.DataSaver(adaptive.Learner1D(named, (0, 1)), learn="y").extended(LINE)


def test_a_period_that_the_data_do_not_have_is_refused() -> None:
    learner = run(adaptive.Learner1D(around, Space(energy=(0, 720))), 17)
    wider = learner.extended(Space(energy=Periodic(0, 360)))
    assert set(wider.data) == {energy % 360 for energy in learner.data}
    with pytest.raises(ValueError, match="must have the period of the function"):
        learner.extended(Space(energy=Periodic(0, 180)))
    one = run(adaptive.Learner1D(around, Space(energy=Periodic(0, 360))), 9)
    assert dict(one.extended(Space(energy=(0, 360))).data) == dict(one.data)


@pytest.mark.parametrize("at_a_time", [1, 5])
def test_a_point_on_the_seam_is_evaluated_once(at_a_time: int) -> None:
    asked: list[Any] = []

    def f(x: float, y: float, z: float) -> float:
        asked.append((x, y, z))
        return math.cos(x) + math.cos(y) + z

    space = Space(x=Periodic(0, 2 * math.pi), z=(0, 1), y=Periodic(0, 2 * math.pi))
    learner = run(adaptive.LearnerND(f, space), 60, at_a_time)
    assert len(set(asked)) == len(asked) == learner.npoints
    assert all(x < 2 * math.pi and y < 2 * math.pi for x, y, _ in asked)
    # To the learner inside, they are on both sides.
    inside = learner.learner.data
    for x, z, y in inside:
        assert (x != 0) or inside[2 * math.pi, z, y] == inside[0.0, z, y]
        assert (y != 0) or inside[x, z, 2 * math.pi] == inside[x, z, 0.0]
    line: Any = adaptive.Learner1D(around, Space(energy=Periodic(-180, 180)))
    first = [line.ask(1)[0] for _ in range(4)]
    assert len({x for (x,) in first}) == 4
    assert 180 not in {x for (x,) in first}


def test_coordinates_beyond_the_seam_stand_for_those_inside() -> None:
    learner = adaptive.Learner1D(around, Space(energy=Periodic(0, 360)))
    learner.tell_many([0, 90, -90, 450, 360], [1.0, 2.0, 3.0, 4.0, 5.0])
    assert learner.data == {0.0: 1.0, 90.0: 2.0, 270.0: 3.0}
    learner.tell_pending(-180)
    assert learner.pending_points == {180.0}
    line = learner.interpolator()
    assert line([45.0, 405.0, -315.0]) == pytest.approx([1.5] * 3)
    assert line([360.0, 720.0]) == pytest.approx([1.0] * 2)
    learner.data = {-90: 7.0, 0: 1.0}
    assert learner.data == {270.0: 7.0, 0.0: 1.0}
    assert learner.learner.data[360.0] == 1.0


def test_the_error_at_the_seam_is_that_elsewhere() -> None:
    x = np.linspace(0, 360, 4001)
    at_seam = np.minimum(x, 360 - x) < 18
    largest = []
    for shift in np.arange(0, 360, 30):
        f = lambda energy, shift: math.exp(3 * math.cos(math.radians(energy - shift)))  # noqa: E731
        learner = run(adaptive.Learner1D(f, Space(energy=Periodic(0, 360), shift=int(shift))), 60)
        errors = abs(learner.interpolator()(x) - np.exp(3 * np.cos(np.radians(x - shift))))
        largest.append((errors[at_seam].max(), errors[~at_seam].max()))
    seam, elsewhere = np.mean(largest, axis=0)
    assert seam <= 1.2 * elsewhere


def test_a_learner_that_has_no_periodic_axes_says_which_have() -> None:
    with pytest.raises(UnsupportedAxisError, match="Learners that support them: Learner1D, Learner2D, LearnerND"):
        adaptive.IntegratorLearner(on_line, Space(energy=Periodic(0, 1)), 1e-3)
