"""Where a function has no value, pictures are blank and have a border."""

from __future__ import annotations

import math
from typing import Any

import holoviews
import numpy as np
import pytest

import adaptive_dask as adaptive
from adaptive_dask import Infeasible, Log, Space

from .looking import title


def disc(point: Any) -> float:
    if math.hypot(*point[:2]) < 0.5:
        raise Infeasible("in the disc")
    return float(point[0] + sum(point[2:]))


def line(x: float) -> float:
    if 0.2 < x < 0.6:
        raise Infeasible("no")
    return x


def by_name(energy: float) -> float:
    return line(math.log10(energy))


SQUARE = [(-1, 1), (-1, 1)]


def ends_of(overlay: Any) -> np.ndarray[Any, Any]:
    columns = overlay.Border.I
    return np.column_stack([columns.dimension_values(i) for i in range(4)])


@pytest.mark.long
@pytest.mark.parametrize("kind", ["Learner2D", "LearnerND", "slice"])
def test_planes(kind: str, backend: str) -> None:
    if kind == "slice":
        learner: Any = adaptive.LearnerND(disc, [*SQUARE, (0, 1)])
    else:
        learner = getattr(adaptive, kind)(disc, SQUARE)
    adaptive.simple(learner, npoints_goal=800)
    overlay = learner.plot_slice({2: 0.5}) if kind == "slice" else learner.plot()
    ends = ends_of(overlay).reshape(-1, 2)
    radii = np.hypot(*ends.T)
    assert len(radii) > 30
    assert np.abs(radii - 0.5).max() < (0.3 if kind == "slice" else 0.12)
    image = overlay.Image.I
    assert np.isnan(image[0.0, 0.0])
    assert not np.isnan(image[0.9, 0.9])
    if kind != "slice":
        assert f"{len(learner.infeasible)} infeasible (marked)" in title(overlay, backend)
    holoviews.renderer(backend).get_plot(overlay)
    learner.forget_failures()
    assert "Border" not in (learner.plot_slice({2: 0.5}) if kind == "slice" else learner.plot()).children


@pytest.mark.parametrize("kind", ["Learner1D", "LearnerND", "logarithm"])
def test_lines(kind: str, backend: str) -> None:
    if kind == "logarithm":
        learner: Any = adaptive.Learner1D(by_name, Space(energy=Log(0.1, 10)))
    elif kind == "LearnerND":
        learner = adaptive.LearnerND(lambda x: line(x[0]), [(-1, 1)])
    else:
        learner = adaptive.Learner1D(line, (-1, 1))
    adaptive.simple(learner, npoints_goal=60)
    pictures = [learner.plot()]
    if kind != "LearnerND":
        pictures.append(learner.plot(scatter_or_line="line"))
        assert np.isnan(pictures[1].Curve.I.dimension_values(1)).any()  # the line is interrupted
    for overlay in pictures:
        x0, low, x1, high = ends_of(overlay).T
        expected = 10 ** np.array([0.2, 0.6]) if kind == "logarithm" else [0.2, 0.6]
        np.testing.assert_allclose(x0, expected, atol=0.1)
        assert (x0 == x1).all()
        assert (low < high).all()
        assert f"60 points; {len(learner.infeasible)} infeasible" in title(overlay, backend)
        holoviews.renderer(backend).get_plot(overlay)


@pytest.mark.parametrize("kind", ["Learner1D", "LearnerND"])
def test_lines_end_where_it_is_known_beforehand(kind: str, backend: str) -> None:
    if kind == "Learner1D":
        learner: Any = adaptive.Learner1D(abs, (-1, 1), feasible=lambda x: not 0.2 < x < 0.6)
    else:
        learner = adaptive.LearnerND(lambda x: x[0], [(-1, 1)], feasible=lambda x: not 0.2 < x[0] < 0.6)
    adaptive.simple(learner, npoints_goal=60)
    pictures = [learner.plot()]
    if kind == "Learner1D":
        pictures.append(learner.plot(scatter_or_line="line"))
        assert np.isnan(pictures[1].Curve.I.dimension_values(1)).any()
    for overlay in pictures:
        np.testing.assert_allclose(ends_of(overlay)[:, 0], [0.2, 0.6], atol=0.1)
        assert title(overlay, backend) == "60 points"
        holoviews.renderer(backend).get_plot(overlay)


def test_nothing_but_points_without_a_value(backend: str) -> None:
    for learner in (adaptive.Learner1D(line, (0.3, 0.5)), adaptive.LearnerND(disc, [(-0.1, 0.1)] * 2)):
        adaptive.simple(learner, npoints_goal=8)
        assert len(learner.infeasible) == 8
        holoviews.renderer(backend).get_plot(learner.plot())


def test_a_border_in_a_picture_that_changes() -> None:
    holoviews.extension("bokeh")
    learner = adaptive.LearnerND(disc, SQUARE)
    adaptive.simple(learner, npoints_goal=4)
    assert not learner.infeasible
    changes = holoviews.streams.Stream.define("Changes")()
    picture = holoviews.DynamicMap(learner.plot, streams=[changes])
    drawn = holoviews.renderer("bokeh").get_plot(picture).state
    adaptive.simple(learner, npoints_goal=300)
    changes.event()
    assert sum(type(each.glyph).__name__ == "Segment" for each in drawn.renderers) == 2


@pytest.mark.long
@pytest.mark.parametrize("kind", ["Learner2D", "LearnerND", "slice"])
def test_what_is_known_beforehand_is_blank_as_well(kind: str, backend: str) -> None:
    bounds = [*SQUARE, (0, 1)] if kind == "slice" else SQUARE
    learner = getattr(adaptive, "LearnerND" if kind == "slice" else kind)(sum, bounds, feasible=is_outside)
    adaptive.simple(learner, npoints_goal=500)
    assert not learner.infeasible
    overlay = learner.plot_slice({2: 0.5}) if kind == "slice" else learner.plot()
    assert len(ends_of(overlay)) > 10
    image = overlay.Image.I
    assert np.isnan(image[0.0, 0.0])
    assert not np.isnan(image[0.9, 0.9])
    if kind != "slice":
        assert title(overlay, backend) == "500 points"
        assert not len(overlay.Points.I)
    holoviews.renderer(backend).get_plot(overlay)


def is_outside(point: Any) -> bool:
    return math.hypot(*point[:2]) > 0.5
