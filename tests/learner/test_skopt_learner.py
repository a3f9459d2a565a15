"""SKOptLearner: minima, parallel asks, and spaces of all kinds."""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np
import pytest

pytest.importorskip("skopt")

from skopt.learning import GaussianProcessRegressor
from skopt.learning.gaussian_process.kernels import RBF
from skopt.space import Categorical

from adaptive_dask.learner.skopt_learner import SKOptLearner
from adaptive_dask.runner.sequential import simple


def function(x: float) -> float:
    """Has its minimum of -0.909 at -0.289 on (-2, 2)."""
    return math.sin(5 * x) * (1 - math.tanh(x**2))


def quick(**options: Any) -> SKOptLearner:
    """With a model that is fitted at once."""
    model = GaussianProcessRegressor(RBF(0.2), optimizer=None, normalize_y=True, alpha=1e-6)
    kwargs: dict[str, Any] = {
        "dimensions": [(-2.0, 2.0)],
        "base_estimator": model,
        "acq_optimizer": "sampling",
        "acq_optimizer_kwargs": {"n_points": 500},
        "n_initial_points": 5,
        "random_state": 1,
    }
    return SKOptLearner(options.pop("function", function), **{**kwargs, **options})


@pytest.mark.long
def test_the_minimum_is_found_as_in_the_example_notebook() -> None:
    learner = SKOptLearner(
        function,
        dimensions=[(-2.0, 2.0)],
        base_estimator="GP",
        acq_func="gp_hedge",
        acq_optimizer="lbfgs",
        n_initial_points=6,
        random_state=0,
    )
    simple(learner, goal=lambda learner: learner.npoints >= 12)
    x, y = min(learner.data.items(), key=lambda item: item[1])
    assert x == pytest.approx(-0.289, abs=0.05)
    assert y == pytest.approx(-0.909, abs=0.01)
    assert learner.space.bounds[0] == (-2.0, 2.0)
    assert learner.to_numpy().shape == (12, 2)
    assert learner.loss() < 0.1


def test_many_points_in_flight_are_spread_and_find_the_minimum() -> None:
    learner = quick()
    out, _ = learner.ask(8)
    for _ in range(25):
        learner.tell(out[0], function(out.pop(0)))
        out += learner.ask(1)[0]
        assert len(set(out)) == 8
    assert min(learner.data.values()) == pytest.approx(-0.909, abs=0.01)


@pytest.mark.parametrize("generator", ["random", "lhs", "sobol", "halton"])
def test_the_initial_design_is_used_once(generator: str) -> None:
    learner = quick(initial_point_generator=generator, n_initial_points=8)
    points = [x for _ in range(16) for x in learner.ask(1)[0]]
    assert len(set(points)) == 16
    if generator != "random":
        assert points[:8] == [x for (x,) in learner.optimizer._initial_samples]


def test_a_large_batch_is_chosen_with_few_models() -> None:
    learner = quick()
    simple(learner, npoints_goal=15)
    points, gains = learner.ask(400)
    assert len(set(points)) == 400
    assert all(gain >= 0 for gain in gains)


def test_several_dimensions_are_tuples() -> None:
    learner = quick(function=lambda xy: (xy[0] - 1) ** 2 + xy[1] ** 2, dimensions=[(-2.0, 2.0), (-1.0, 1.0)])
    simple(learner, npoints_goal=12)
    assert all(isinstance(x, tuple) and len(x) == 2 for x in learner.data)
    assert list(learner.to_dataframe().columns) == ["x0", "x1", "y"]
    learner.tell([0.5, 0.25], 1.0)
    assert (0.5, 0.25) in learner.data
    for x, error in [(0.5, TypeError), ((1.0, 2.0, 3.0), ValueError)]:
        with pytest.raises(error, match="2 coordinates"):
            learner.tell(x, 1.0)


@pytest.mark.long
@pytest.mark.parametrize("dimensions", [[(1, 6)], [["a", "b", "c", "d", "e", "f"]], [(1, 2), ["a", "b", "c"]]])
def test_a_space_that_is_used_up(dimensions: Any) -> None:
    learner = quick(
        function=lambda x: float(len(str(x))), dimensions=dimensions, base_estimator="ET", n_initial_points=3
    )
    points, _ = learner.ask(4)
    for x in points:
        learner.tell(x, learner.function(x))
    points += learner.ask(10)[0]
    assert len(points) == len(set(points)) == 6
    assert learner.ask(1) == ([], [])


def test_values_that_are_not_finite_keep_the_search_away() -> None:
    learner = quick(function=lambda x: math.nan if x > 0.5 else function(x))
    simple(learner, npoints_goal=30)
    assert sum(x > 0.5 for x in learner.data) < 10
    assert min(y for y in learner.data.values() if not math.isnan(y)) == pytest.approx(-0.909, abs=0.01)


def test_points_outside_of_the_space_are_kept() -> None:
    learner = quick(n_initial_points=2)
    for x in (-30.0, 40.0, 50.0):
        learner.tell(x, -5.0)
    points, _ = learner.ask(3)
    assert all(-2 <= x <= 2 for x in points)
    assert learner.npoints == 3


def test_values_that_are_no_numbers() -> None:
    for value in ([1.0, 2.0], "text", None, {"y": 1.0}):
        with pytest.raises(TypeError, match="must be a real number"):
            quick().tell(0.5, value)  # type: ignore[arg-type]


@pytest.mark.parametrize("x", [0.5, (0.5,), [0.5], np.float64(0.5), np.array(0.5), np.array([0.5])])
def test_a_point_in_one_dimension_is_one_point_however_it_is_written(x: Any) -> None:
    learner = quick()
    learner.tell_pending(0.5)
    learner.tell(x, 2.0)
    assert learner.data == {0.5: 2.0}
    assert not learner.pending_points


def test_a_category_may_be_a_tuple() -> None:
    layers = Categorical([(10,), (10, 20)])
    learner = quick(dimensions=[layers])
    learner.tell_many([(10,), ((10, 20),)], [1.0, 2.0])
    assert learner.data == {(10,): 1.0, (10, 20): 2.0}


@pytest.mark.parametrize("x", ["a", None, math.nan, (1, 2), [], {1.0}, [[0.5]], object()])
def test_points_that_are_none_are_refused_and_nothing_is_lost(x: Any) -> None:
    learner = quick()
    with pytest.raises((TypeError, ValueError), match="must"):
        learner.tell(x, 1.0)
    with pytest.raises((TypeError, ValueError), match="must"):
        learner.tell_pending(x)
    assert learner.ask(2)[0]


def test_settings_that_make_no_sense() -> None:
    with pytest.raises(ValueError, match="EIps"):
        quick(acq_func="EIps")
    with pytest.raises(ValueError, match="0 or more, got -1"):
        quick().ask(-1)


def test_without_scikit_optimize_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skopt", None)
    with pytest.raises(ImportError, match="skopt"):
        SKOptLearner(function, dimensions=[(-2.0, 2.0)])
