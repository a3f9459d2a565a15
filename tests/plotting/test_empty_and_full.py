"""What stands around the data, from no point to many: titles, axes and legends."""

from __future__ import annotations

from typing import Any

import holoviews
import numpy as np
import pytest

import adaptive_dask as adaptive
from adaptive_dask.plotting.backend import LONGEST_LINE, counting_failed, in_lines
from tests.plotting.looking import axis_labels, title


def legend(picture: Any, backend: str) -> list[str]:
    """What its legend lists when it is rendered."""
    return listed(holoviews.render(picture, backend=backend), backend)


def listed(rendered: Any, backend: str) -> list[str]:
    if backend == "bokeh":
        items = [item for each in rendered.legend if each.visible for item in each.items]
        return [item.label["value"] for item in items if item.visible]
    drawn = rendered.axes[0].get_legend()
    return [] if drawn is None else [text.get_text() for text in drawn.get_texts()]


def test_a_long_title_has_several_lines() -> None:
    long = "200,000 points, of which 32,768 are drawn; 1,999 not finite (marked); and more"
    assert in_lines(long) == "200,000 points, of which 32,768 are drawn;\n1,999 not finite (marked); and more"
    assert in_lines("3 points; 1 not finite") == "3 points; 1 not finite"


def test_the_title_of_a_picture_is_not_cut_off(backend: str) -> None:
    learner = adaptive.Learner1D(float, (0, 1))
    xs = np.linspace(0, 1, 120_000)
    learner.tell_many(xs, np.where(xs > 0.9, np.nan, xs))
    assert max(map(len, title(learner.plot(), backend).split("\n"))) <= LONGEST_LINE


@pytest.mark.parametrize(
    ("learner", "labels"),
    [
        (adaptive.Learner1D(abs, (0, 1)), ("x", "abs(x)")),
        (adaptive.SequenceLearner(abs, range(4)), ("index", "y")),
        (adaptive.DataSaver(adaptive.Learner1D(abs, (0, 1)), abs), ("x", "abs(x)")),
        (adaptive.AverageLearner(abs, atol=0.1), ("abs(x)", "Count")),
    ],
)
def test_axes_without_a_point(learner: Any, labels: tuple[str, str], backend: str) -> None:
    picture = learner.plot()
    assert axis_labels(picture, backend) == labels
    rendered = holoviews.render(picture, backend=backend)
    low = rendered.y_range.start if backend == "bokeh" else rendered.axes[0].get_ylim()[0]
    assert low == 0


def test_the_legend_lists_what_is_drawn(backend: str) -> None:
    learner = adaptive.AverageLearner(abs, atol=0.1)
    assert legend(learner.plot(), backend) == []
    learner.tell(0, 1.0)
    assert legend(learner.plot(), backend) == ["mean"]
    learner.tell_many([1, 2], [2.0, 4.0])
    assert legend(learner.plot(), backend) == ["standard error", "mean"]


def test_the_legend_of_a_live_plot_grows() -> None:
    holoviews.extension("bokeh", inline=True)
    learner = adaptive.AverageLearner(abs, atol=0.1)
    stream = holoviews.streams.Stream.define("Step", step=0)()
    live = holoviews.DynamicMap(lambda step: learner.plot(), streams=[stream])
    plot = holoviews.renderer("bokeh").get_plot(live)
    assert listed(plot.state, "bokeh") == []
    learner.tell_many([1, 2], [2.0, 4.0])
    stream.event(step=1)
    assert sorted(listed(plot.state, "bokeh")) == ["mean", "standard error"]


def test_values_are_on_top_of_the_model(backend: str) -> None:
    pytest.importorskip("skopt")
    learner = adaptive.SKOptLearner(abs, dimensions=[(-1.0, 1.0)], random_state=1)
    learner.tell_many([-1.0, 0.0, 0.5], [1.0, 0.0, 0.5])
    picture = learner.plot()
    assert [type(each).__name__ for each in picture] == ["Spread", "Curve", "Scatter"]
    assert sorted(legend(picture, backend)) == ["95 %", "model", "values"]


def test_points_that_failed_are_counted_in_the_title() -> None:
    learner = adaptive.Learner1D(abs, (-1, 1))
    adaptive.simple(learner, npoints_goal=20)
    with counting_failed(11):
        assert title(learner.plot(), "bokeh").startswith("20 points, 11 failed")
    assert "failed" not in title(learner.plot(), "bokeh")
