"""Pictures that users name, put side by side and on top of each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import holoviews
import pytest

import adaptive_dask as adaptive
from adaptive_dask.plotting.backend import as_picture, load_holoviews
from adaptive_dask.plotting.palette import COLORS

from .looking import colors

LEARNERS: dict[str, Callable[[], Any]] = {
    "Learner1D": lambda: adaptive.Learner1D(abs, (-1, 1)),
    "Learner2D": lambda: adaptive.Learner2D(sum, [(-1, 1), (-1, 1)]),
    "LearnerND": lambda: adaptive.LearnerND(sum, [(-1, 1), (-1, 1)]),
    "LearnerND, one variable": lambda: adaptive.LearnerND(sum, [(-1, 1)]),
    "AverageLearner": lambda: adaptive.AverageLearner(float, atol=1e-9),
    "AverageLearner1D": lambda: adaptive.AverageLearner1D(lambda point: point[0] + point[1], (-1, 1), min_samples=3),
    "IntegratorLearner": lambda: adaptive.IntegratorLearner(abs, (-1, 1), tol=1e-12),
    "SequenceLearner": lambda: adaptive.SequenceLearner(abs, range(40)),
}


def picture(kind: str) -> Any:
    learner = LEARNERS[kind]()
    adaptive.simple(learner, goal=lambda learner: learner.npoints >= 10)
    return learner.plot()


def title(picture: Any, backend: str) -> str:
    rendered = holoviews.render(picture, backend=backend)
    return str(rendered.title.text if backend == "bokeh" else rendered.axes[0].get_title())


@pytest.mark.long
@pytest.mark.parametrize("kind", LEARNERS)
def test_a_label_stands_above_the_title(kind: str, backend: str) -> None:
    before = picture(kind)
    named = title(before.relabel("on a {grid}"), backend)
    assert named == f"on a {{grid}}\n{title(before, backend)}"


@pytest.mark.parametrize("kind", ["Learner1D", "LearnerND, one variable", "IntegratorLearner", "SequenceLearner"])
def test_pictures_on_top_of_each_other_have_different_colors(kind: str, backend: str) -> None:
    one, two = colors(picture(kind), backend), colors(picture(kind) * picture(kind), backend)
    assert len(two) == 2 * len(one)
    assert len(set(two)) > len(set(one))


def test_three_curves_have_the_first_three_colors(backend: str) -> None:
    curves = [adaptive.Learner1D(abs, (-1, 1)) for _ in range(3)]
    for learner in curves:
        adaptive.simple(learner, npoints_goal=5)
    overlay = curves[0].plot(scatter_or_line="line")
    for learner in curves[1:]:
        overlay = overlay * learner.plot(scatter_or_line="line")
    assert colors(overlay, backend) == [color.lower() for color in COLORS[:3]]


def test_braces_of_a_title_are_no_fields(backend: str) -> None:
    curve = load_holoviews().Overlay([load_holoviews().Curve([1, 2])])
    assert title(as_picture(curve, "1 of {'a': 1}"), backend) == "1 of {'a': 1}"
