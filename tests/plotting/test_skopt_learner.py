"""Pictures of a SKOptLearner: its values, and what a model makes of them."""

from __future__ import annotations

import math
from typing import Any

import holoviews
import numpy as np
import pytest

import adaptive_dask as adaptive
from tests.plotting.looking import columns, part, title

pytest.importorskip("skopt")


def learner_of(dimensions: list[Any], npoints: int) -> adaptive.SKOptLearner:
    def function(x: Any) -> float:
        first = x[0] if isinstance(x, tuple) else x
        return (first - 0.3) ** 2

    learner = adaptive.SKOptLearner(function, dimensions=dimensions, n_initial_points=20, random_state=1)
    points, _ = learner.ask(npoints)
    learner.tell_many(points, [function(p) for p in points])
    return learner


@pytest.mark.long
@pytest.mark.parametrize("npoints", [0, 1, 8])
@pytest.mark.parametrize("dimension", [(-1.0, 1.0), (-3, 3), (0.01, 1.0, "log-uniform")])
def test_one_dimension(dimension: Any, npoints: int, backend: str) -> None:
    learner = learner_of([dimension], npoints)
    overlay = learner.plot(nsamples=30)
    holoviews.render(overlay, backend=backend)
    x, y = columns(part(overlay, "Scatter"))
    assert dict(zip(x.tolist(), y.tolist(), strict=True)) == pytest.approx(learner.data)
    places, prediction, error = columns(part(overlay, "Spread"))
    assert len(places) == (0 if npoints < 2 else len(places))
    if npoints == 8:
        assert (error >= 0).all()
        assert (places[0], places[-1]) == pytest.approx(dimension[:2])
        assert np.abs(prediction - (places - 0.3) ** 2).max() < 2


def test_two_dimensions(backend: str) -> None:
    learner = learner_of([(-1.0, 1.0), (0.0, 3.0)], 8)
    overlay = learner.plot()
    holoviews.render(overlay, backend=backend)
    assert {tuple(p) for p in part(overlay, "Points").array(["x", "y"]).tolist()} == set(learner.data)
    assert part(overlay, "Image").bounds.lbrt() == (-1, 0, 1, 3)


@pytest.mark.parametrize("npoints", [0, 1, 8])
def test_more_dimensions_show_the_lowest_so_far(npoints: int, backend: str) -> None:
    learner = learner_of([(-1.0, 1.0), (0.0, 3.0), ["a", "b"]], npoints)
    overlay = learner.plot()
    holoviews.render(overlay, backend=backend)
    values = list(learner.data.values())
    assert columns(part(overlay, "Scatter"))[1].tolist() == values
    assert columns(part(overlay, "Curve"))[1].tolist() == np.minimum.accumulate(values).tolist()


def test_what_is_not_finite_is_left_out_and_said(backend: str) -> None:
    learner = learner_of([(-1.0, 1.0)], 4)
    learner.tell(0.123, math.nan)
    overlay = learner.plot()
    assert len(part(overlay, "Scatter")) == 4
    assert "1 not finite" in title(overlay, backend)


def test_bad_options_are_refused() -> None:
    with pytest.raises(ValueError, match="nsamples"):
        learner_of([(-1.0, 1.0)], 0).plot(nsamples=1)
