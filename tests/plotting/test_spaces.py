"""Pictures of learners over a Space."""

from __future__ import annotations

import math
from typing import Any

import holoviews
import pytest

import adaptive_dask as adaptive
from adaptive_dask import Log, Periodic, Space

from .looking import title


def wave(angle: float, energy: float = 1.0) -> float:
    return math.sin(math.radians(angle)) * energy


@pytest.mark.parametrize("make", [adaptive.Learner1D, adaptive.Learner2D, adaptive.LearnerND])
def test_points_on_the_seam_are_counted_once(make: Any, backend: str) -> None:
    second = {} if make is adaptive.Learner1D else {"energy": (0.0, 1.0)}
    learner = make(wave, Space(angle=Periodic(0, 360), **second))
    adaptive.simple(learner, npoints_goal=40)
    assert learner.learner.npoints > 40
    assert title(learner.plot(), backend) == "40 points"


@pytest.mark.long
@pytest.mark.parametrize("backend", ["matplotlib"], indirect=True)
def test_the_color_bar_is_beside_a_logarithmic_image(backend: str) -> None:
    learner = adaptive.Learner2D(wave, Space(angle=Log(1, 100), energy=(0.0, 1.0)))
    adaptive.simple(learner, npoints_goal=40)
    figure = holoviews.render(learner.plot(), backend=backend)
    image, bar = figure.axes
    assert bar.get_position().x0 > image.get_position().x1
