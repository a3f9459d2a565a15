"""Pictures of a Learner2D: the image is the interpolation of the data, and nothing is left out in silence."""

from __future__ import annotations

from typing import Any

import holoviews
import numpy as np
import pytest

import adaptive_dask as adaptive
from adaptive_dask.plotting import surface
from adaptive_dask.plotting.region_data import MOST_TRIANGULATED
from adaptive_dask.plotting.thinning import thin_cells
from tests.plotting.looking import axis_labels, part, title

BOUNDS = [(-1.0, 1.0), (0.0, 4.0)]


def bump(uv: tuple[float, float]) -> float:
    u, v = uv
    return float(np.exp(-(u**2)) + v)


def learner_of(function: Any, npoints: int = 60) -> adaptive.Learner2D:
    learner = adaptive.Learner2D(function, BOUNDS)
    points, _ = learner.ask(npoints)
    learner.tell_many(points, [function(p) for p in points])
    return learner


def test_the_image_is_the_interpolated_data(backend: str) -> None:
    learner = learner_of(bump)
    image = part(learner.plot(n=20), "Image")
    x, y = (image.dimension_values(i, expanded=False) for i in (0, 1))
    assert len(x) == len(y) == 20
    assert image.bounds.lbrt() == (-1, 0, 1, 4)
    expected = learner.interpolator(scaled=False)(*np.meshgrid(x, y))[..., 0]
    drawn = image.dimension_values(2, flat=False)
    exact = np.array([[bump((a, b)) for a in x] for b in y])
    assert np.abs(drawn - exact).max() < 2 * np.abs(expected - exact).max() + 1e-9
    assert image.range(2) == (drawn.min(), drawn.max())


def test_edges_are_those_of_the_triangles(backend: str) -> None:
    learner = learner_of(bump)
    assert len(part(learner.plot(), "Segments")) == 0
    edges = learner.plot(tri_alpha=0.5).EdgePaths.I
    ends = edges.array().reshape(-1, 2)
    assert {tuple(end) for end in ends.round(9)} == {tuple(np.round(p, 9)) for p in learner.data}
    hull_edges = sum(p[0] in BOUNDS[0] or p[1] in BOUNDS[1] for p in learner.data)
    assert len(ends) // 2 == 3 * learner.npoints - 3 - hull_edges  # Euler


def test_axes_are_named_after_the_arguments(backend: str) -> None:
    assert axis_labels(learner_of(bump).plot(), backend) == ("u", "v")
    assert part(learner_of(bump).plot(), "Image").vdims[0].label == "bump(u, v)"


@pytest.mark.parametrize("npoints", [0, 1, 2])
def test_too_few_points_are_drawn_as_points(npoints: int, backend: str) -> None:
    learner = learner_of(bump, npoints)
    overlay = learner.plot(tri_alpha=1)
    drawn = part(overlay, "Points").array(["x", "y"])
    assert sorted(map(tuple, drawn.tolist())) == sorted(learner.data)
    assert "too few for an image" in title(overlay, backend)


def test_points_in_one_line_have_no_image(backend: str) -> None:
    learner = adaptive.Learner2D(bump, BOUNDS)
    learner.tell_many([(x, 1.0) for x in (-1, 0, 0.5, 1)], [1, 2, 3, 4])
    overlay = learner.plot()
    holoviews.render(overlay, backend=backend)
    assert len(part(overlay, "Points")) == 4


def test_what_is_not_finite_is_blank_and_marked(backend: str) -> None:
    learner = learner_of(lambda xy: np.nan if xy[0] > 0.5 else xy[1])
    overlay = learner.plot(n=40)
    image = part(overlay, "Image")
    values = image.dimension_values(2, flat=False)
    assert np.isnan(values[:, -1]).all()
    assert np.isfinite(values[:, 0]).all()
    marked = {tuple(p) for p in part(overlay, "Points").array(["x", "y"]).tolist()}
    assert marked == {p for p in learner.data if p[0] > 0.5}
    assert f"{len(marked)} not finite" in title(overlay, backend)


def test_nothing_finite(backend: str) -> None:
    overlay = learner_of(lambda xy: np.inf).plot()
    holoviews.render(overlay, backend=backend)
    assert len(part(overlay, "Points")) == 60


def test_vectors_have_a_picture_for_each_component(backend: str) -> None:
    learner = learner_of(lambda xy: [xy[0], 10 + xy[1]])
    pictures = learner.plot(n=8)
    assert isinstance(pictures, holoviews.HoloMap)
    assert pictures.keys() == [0, 1]
    assert part(pictures[1], "Image").range(2)[0] > 9
    one = learner.plot(n=8, component=1)
    assert part(one, "Image").range(2) == part(pictures[1], "Image").range(2)
    holoviews.render(pictures.last, backend=backend)


def test_points_out_of_bounds_are_counted_and_not_drawn(backend: str) -> None:
    learner = learner_of(bump)
    learner.tell((5.0, 5.0), 1e9)
    overlay = learner.plot()
    assert part(overlay, "Image").range(2)[1] < 10
    assert title(overlay, backend) == "61 points; 1 out of bounds"


def test_many_points_are_thinned_and_the_title_says_so(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MOST_TRIANGULATED, 2, 500)
    monkeypatch.setattr(surface, "MOST_EDGES", 100)
    rng = np.random.default_rng(1)
    learner = adaptive.Learner2D(bump, BOUNDS)
    points = [tuple(p) for p in (rng.random((3000, 2)) * (2, 4) + (-1, 0)).tolist()]
    learner.tell_many(points, [bump(p) for p in points])
    overlay = learner.plot(tri_alpha=0.2)
    assert title(overlay, backend).startswith("3,000 points, of which ")
    assert "the longest 100 of" in title(overlay, backend)
    assert len(part(overlay, "Segments")) == 100


@pytest.mark.parametrize("dim", [1, 2, 3, 5])
def test_thinning_keeps_the_extremes(dim: int) -> None:
    rng = np.random.default_rng(dim)
    points, values = rng.random((5000, dim)), rng.normal(size=5000)
    values[7] = np.nan
    kept = thin_cells(points, values, 400)
    assert 10 < len(kept) <= 400
    assert {int(np.nanargmax(values)), 7} <= set(kept.tolist())
    assert np.array_equal(kept, np.unique(kept))
    assert np.array_equal(thin_cells(points, values, 5000), np.arange(5000))


@pytest.mark.parametrize("options", [{"n": 1}, {"tri_alpha": 2}, {"component": 1}])
def test_bad_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        learner_of(bump).plot(**options)
