"""Pictures of a Learner1D, made and rendered with both backends."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import adaptive_dask as adaptive
from adaptive_dask.plotting import draw
from adaptive_dask.plotting.palette import COLORS
from adaptive_dask.plotting.thinning import thin

from .looking import colors, title

holoviews = pytest.importorskip("holoviews")


def learner_of(xs: Any, function: Any, bounds: tuple[float, float] = (-1.0, 1.0)) -> adaptive.Learner1D:
    learner = adaptive.Learner1D(function, bounds=bounds)
    learner.tell_many(xs, [function(x) for x in xs])
    return learner


def drawn(overlay: Any) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(element.dimension_values("x"), element.dimension_values("y")) for element in overlay]


@pytest.mark.parametrize("kind", ["scatter", "line"])
@pytest.mark.parametrize("npoints", [0, 1, 2, 30])
@pytest.mark.parametrize("vector", [False, True])
def test_every_state_is_drawn_and_rendered(backend: str, kind: str, npoints: int, vector: bool) -> None:
    xs = np.linspace(-1, 1, npoints)[::-1] if npoints > 1 else [0.5] * npoints
    learner = learner_of(xs, lambda x: np.array([x, x**2]) if vector else x**2)
    overlay = learner.plot(scatter_or_line=kind)
    holoviews.renderer(backend).get_plot(overlay)
    parts = drawn(overlay)
    assert len(parts) == (2 if vector and npoints else 1)
    for x, y in parts:
        assert np.array_equal(x, sorted(xs))
        assert len(y) == npoints
    expected = holoviews.Scatter if kind == "scatter" else holoviews.Curve
    assert all(type(element) is expected for element in overlay)


def test_it_is_labelled(backend: str) -> None:
    overlay = learner_of([-1, 0, 1], lambda x: np.array([x, -x])).plot()
    assert [str(dimension) for dimension in overlay.dimensions()] == ["x", "y"]
    assert [element.label for element in overlay] == ["y[0]", "y[1]"]
    assert colors(overlay, backend) == [each.lower() for each in COLORS[:2]]
    assert title(overlay, backend) == "3 points"


def test_the_bounds_are_in_the_picture(backend: str) -> None:
    overlay = learner_of([0.0], float, bounds=(-1, 1)).plot()
    low, high = overlay.range("x")
    assert low < -1
    assert high > 1


def test_what_is_not_finite_is_left_out(backend: str) -> None:
    overlay = learner_of([-1, 0, 0.5, 1], lambda x: {0: np.nan, 0.5: np.inf}.get(x, x)).plot()
    ((x, y),) = drawn(overlay)
    assert x.tolist() == y.tolist() == [-1, 1]
    holoviews.renderer(backend).get_plot(overlay)


def test_nothing_finite(backend: str) -> None:
    overlay = learner_of([-1, 1], lambda x: np.nan).plot(scatter_or_line="line", most_points=2)
    holoviews.renderer(backend).get_plot(overlay)


def test_many_points_are_thinned_and_the_title_says_so(backend: str) -> None:
    overlay = learner_of(np.linspace(-1, 1, 2001), lambda x: x).plot(most_points=100)
    ((x, _),) = drawn(overlay)
    assert len(x) <= 100
    assert title(overlay, backend) == "2,001 points, of which 100 or fewer are drawn"


@pytest.mark.parametrize("n", [11, 100, 101, 12_345])
def test_thinning_keeps_extremes(n: int) -> None:
    rng = np.random.default_rng(n)
    x, y = np.sort(rng.random(n)), rng.normal(size=n)
    few_x, few_y = thin(x, y, 10)
    assert len(few_x) <= 10
    assert np.all(np.diff(few_x) > 0)
    assert y.max() in few_y
    assert y.min() in few_y
    assert set(few_x) <= set(x)


def test_a_subclass_is_drawn_too(backend: str) -> None:
    class Mine(adaptive.Learner1D):
        pass

    assert len(draw(Mine(float, bounds=(0, 1)))) == 1


@pytest.mark.parametrize("options", [{"scatter_or_line": "dots"}, {"most_points": 1}])
def test_bad_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        adaptive.Learner1D(float, bounds=(0, 1)).plot(**options)


def test_a_learner_without_a_picture() -> None:
    with pytest.raises(NotImplementedError, match=r"learner must be .*Learner1D.* got an object of class object"):
        draw(object())  # type: ignore[arg-type]
