"""Pictures of a SparseGridLearner."""

from __future__ import annotations

import math

import holoviews
import numpy as np
import pytest
import scipy.stats

import adaptive_dask as adaptive


def wave(point: tuple[float, ...]) -> float:
    return math.sin(3 * point[0]) + 0.5 * point[1] ** 2


def run(learner: adaptive.SparseGridLearner, n: int = 80) -> adaptive.SparseGridLearner:
    adaptive.simple(learner, npoints_goal=n)
    return learner


@pytest.mark.long
@pytest.mark.parametrize("what", ["slices", "error", "indices"])
@pytest.mark.parametrize("npoints", [0, 1, 80])
def test_every_picture_is_rendered(what: str, npoints: int, backend: str) -> None:
    learner = run(adaptive.SparseGridLearner(wave, [(-1, 1), scipy.stats.norm(), (0, 1)]), npoints)
    holoviews.render(learner.plot(what), backend=backend)


def test_slices_are_the_function_through_the_centre() -> None:
    learner = run(adaptive.SparseGridLearner(wave, [(-1, 1), (0, 2)]))
    curves = [element for element in learner.plot(n=11) if isinstance(element, holoviews.Curve)]
    assert [curve.label for curve in curves] == ["x", "y"]
    x = np.linspace(0, 1, 11)
    assert curves[0].dimension_values(0) == pytest.approx(x)
    assert curves[0].dimension_values(1) == pytest.approx(np.sin(3 * (2 * x - 1)) + 0.5, abs=1e-6)
    assert curves[1].dimension_values(1) == pytest.approx(0.5 * (2 * x) ** 2, abs=1e-6)


def test_the_error_falls_and_bars_are_the_sobol_indices() -> None:
    learner = run(adaptive.SparseGridLearner(wave, [(-1, 1), (0, 2)]))
    line = next(iter(learner.plot("error")))
    errors = line.dimension_values(1)
    assert len(errors) > 2
    assert errors[-1] < 1e-3 * errors[0]
    bars = next(iter(learner.plot("indices")))
    first = learner.sobol_indices()["first"].value
    assert bars.select(order="first").dimension_values("index") == pytest.approx(first)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"what": "all"}, "what must be"), ({"component": 1}, "component must be"), ({"n": 1}, "n must be")],
)
def test_arguments_that_make_no_sense(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        adaptive.SparseGridLearner(wave, [(-1, 1)] * 2).plot(**options)
