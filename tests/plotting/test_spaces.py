"""Pictures of learners over a Space."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import holoviews
import pytest

import adaptive_dask as adaptive
from adaptive_dask import Int, Linear, Log, Periodic, Space

from .looking import axis_labels, title


def wave(angle: float, energy: float = 1.0) -> float:
    return math.sin(math.radians(angle)) * energy


@pytest.mark.parametrize("make", [adaptive.Learner1D, adaptive.Learner2D, adaptive.LearnerND])
def test_points_on_the_seam_are_counted_once(make: Any, backend: str) -> None:
    second = {} if make is adaptive.Learner1D else {"energy": (0.0, 1.0)}
    learner = make(wave, Space(angle=Periodic(0, 360), **second))
    adaptive.simple(learner, npoints_goal=40)
    assert learner.learner.npoints > 40
    assert title(learner.plot(), backend) == "40 points"


@pytest.mark.parametrize("names", [("y", "x"), ("z", "y"), ("y", "z"), ("value", "z"), ("x_end", "x")])
@pytest.mark.parametrize("axis", [(1, 9), Log(1, 9)])
def test_axes_may_have_the_names_of_other_dimensions(names: tuple[str, str], axis: Any, backend: str) -> None:
    for make in (adaptive.Learner2D, adaptive.LearnerND):
        learner = make(lambda **point: math.prod(point.values()), Space(dict.fromkeys(names, axis)))
        adaptive.simple(learner, npoints_goal=20)
        labels = axis_labels(learner.plot(), backend)
        assert tuple(label.strip() for label in labels) == names


def in_space(angle: float, energy: float, field: float) -> float:
    return wave(angle) + 0.3 * math.log10(energy) + field


@pytest.mark.parametrize("energy", [(1, 100), Log(1, 100), Int(1, 100)])
@pytest.mark.parametrize("angle", [(0, 360), Periodic(0, 360)])
def test_slices_have_the_names_and_coordinates_of_the_space(angle: Any, energy: Any, backend: str) -> None:
    learner = adaptive.LearnerND(in_space, Space(angle=angle, energy=energy, field=Linear(0, 1, unit="T")))
    adaptive.simple(learner, npoints_goal=200)
    line = learner.plot_slice({"energy": 10, "angle": 90})
    assert title(line, backend) == "200 points; energy = 10, angle = 90"
    plane = adaptive.DataSaver(learner, learn="y").plot_slice({2: 0.5})
    assert title(plane, backend) == "200 points; field = 0.5"
    assert axis_labels(plane, backend) == ("angle", "energy")
    mesh = next(iter(plane))
    edges = mesh.dimension_values(1)
    assert 1 <= min(edges) < 10 < 90 < max(edges) <= 100
    middle = line.Curve.I.dimension_values(1)[100]
    assert middle == pytest.approx(in_space(90, 10, 0.5), abs=0.4)
    for cut, kind, message in (
        ({"temperature": 1}, ValueError, "must be among angle, energy, field, got 'temperature'"),
        ({"field": 2}, ValueError, "coordinate 2 must be between 0"),
        ({"field": "a"}, TypeError, "cut_mapping must be"),
        ({7: 1}, ValueError, "from 0 to 2"),
        (3, TypeError, "cut_mapping must be"),
    ):
        with pytest.raises(kind, match=message):
            learner.plot_slice(cut)


@pytest.mark.parametrize("angle", [(0, 360), Periodic(0, 360)])
def test_pictures_in_space_have_the_names_of_the_space(angle: Any) -> None:
    learner = adaptive.LearnerND(in_space, Space(angle=angle, energy=Int(1, 100), field=Linear(0, 1, unit="T")))
    adaptive.simple(learner, npoints_goal=60)
    for draw in (learner.plot_3D, partial(learner.plot_isosurface, 0.5)):
        axes = draw(return_fig=True, backend="matplotlib").axes[0]
        assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_zlabel()) == ("angle", "energy", "field (T)")
        assert axes.get_title().startswith("60 points")
    logarithmic = adaptive.LearnerND(in_space, Space(angle=(0, 360), energy=Log(1, 100), field=(0, 1)))
    with pytest.raises(AttributeError, match=r"use learner\.learner\.plot_3D"):
        _ = logarithmic.plot_3D
    with pytest.raises(AttributeError, match="no attribute 'plot_nothing'"):
        _ = learner.plot_nothing


@pytest.mark.long
@pytest.mark.parametrize("backend", ["matplotlib"], indirect=True)
def test_the_color_bar_is_beside_a_logarithmic_image(backend: str) -> None:
    learner = adaptive.Learner2D(wave, Space(angle=Log(1, 100), energy=(0.0, 1.0)))
    adaptive.simple(learner, npoints_goal=40)
    figure = holoviews.render(learner.plot(), backend=backend)
    image, bar = figure.axes
    assert bar.get_position().x0 > image.get_position().x1
