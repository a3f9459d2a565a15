"""The pictures of learners of numbers contain the learners' data."""

from __future__ import annotations

import math
from typing import Any

import holoviews
import numpy as np
import pytest

import adaptive_dask as adaptive
from tests.plotting.looking import columns, part, parts, title


def test_average_learner(backend: str) -> None:
    learner = adaptive.AverageLearner(float, atol=0.1)
    learner.tell_many(range(6), [0.0, 1.0, 1.0, 2.0, 6.0, math.nan])
    overlay = learner.plot()
    histogram = part(overlay, "Histogram")
    assert histogram.dimension_values("Count").sum() == 5
    assert histogram.edges[[0, -1]].tolist() == [0, 6]
    assert columns(part(overlay, "Curve"))[0].tolist() == [2, 2]
    error = np.std([0, 1, 1, 2, 6], ddof=1) / math.sqrt(5)
    assert columns(part(overlay, "Area"))[0] == pytest.approx([2 - error, 2 + error])
    assert title(overlay, backend) == "6 points; mean 2 ± 1; 1 not finite"


def test_average_learner1D(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from adaptive_dask.plotting import average_learner1D

    learner = adaptive.AverageLearner1D(sum, (-1, 1), min_samples=2)
    learner.tell_many([(0, -1), (1, -1), (0, 0), (0, 1), (1, 1)], [1.0, 2.0, 5.0, 3.0, 4.0])
    overlay = learner.plot()
    x, y = columns(part(overlay, "Scatter"))
    assert dict(zip(x, y, strict=True)) == dict(learner.data)
    x, y, error = columns(part(overlay, "ErrorBars"))[:3]
    assert dict(zip(x, error, strict=True)) == {x: e for x, e in learner.error.items() if x != 0}
    assert len(part(overlay, "Spread")) == 0
    monkeypatch.setattr(average_learner1D, "MOST_BARS", 2)
    many = learner.plot()
    assert (len(part(many, "Spread")), len(part(many, "ErrorBars"))) == (2, 0)
    holoviews.render(many, backend=backend)


def test_integrator_learner(backend: str) -> None:
    learner = adaptive.IntegratorLearner(abs, (-1, 2), 1e-9)
    while not learner.done():
        points, _ = learner.ask(10)
        learner.tell_many(points, map(abs, points))
    overlay = learner.plot()
    x, y = columns(part(overlay, "Scatter"))
    assert dict(zip(x, y, strict=True)) == learner.data
    ends = {end for each in learner.approximating_intervals for end in (each.a, each.b)}
    assert set(columns(part(overlay, "Segments"))[0]) == ends
    assert "integral 2.5 ±" in title(overlay, backend)


def test_a_diverging_integral(backend: str) -> None:
    learner = adaptive.IntegratorLearner(lambda x: math.nan, (0, 1), 1e-3)
    while not learner.done():
        points, _ = learner.ask(33)
        learner.tell_many(points, [math.nan] * len(points))
    overlay = learner.plot()
    holoviews.render(overlay, backend=backend)
    assert "diverges" in title(overlay, backend)


@pytest.mark.parametrize(
    ("values", "expected"),
    [([3, 1.5], [[3, 1.5]]), ([[1, 2], [3, 4]], [[1, 3], [2, 4]]), (["a", "b"], [[1, 1]]), ([[1], [2, 3]], [[1, 1]])],
)
def test_sequence_learner(values: list[Any], expected: list[list[float]], backend: str) -> None:
    learner = adaptive.SequenceLearner(str, "abcd")
    learner.tell_many([(3, "d"), (1, "b")], values[::-1])
    overlay = learner.plot()
    assert [columns(each)[0].tolist() for each in parts(overlay, "Scatter")] == [[1, 3]] * len(expected)
    assert [columns(each)[1].tolist() for each in parts(overlay, "Scatter")] == expected
    assert title(overlay, backend).startswith("2 of 4 elements evaluated")


@pytest.mark.parametrize("dynamic", [False, True])
def test_balancing_learner(dynamic: bool, backend: str) -> None:
    children = [adaptive.Learner1D(abs, (0, i + 1)) for i in range(3)]
    learner = adaptive.BalancingLearner(children, cdims=[{"a": 1, "b": "u"}, {"a": 2, "b": "u"}, {"a": 2, "b": "v"}])
    learner.tell((1, 0.5), 7.0)
    pictures = learner.plot(dynamic=dynamic)
    assert [str(dimension) for dimension in pictures.kdims] == ["a", "b"]
    assert [column.tolist() for column in columns(part(pictures[2, "u"], "Scatter"))] == [[0.5], [7.0]]
    assert len(learner.plot(cdims=(["k"], [[1], [2], [3]]), dynamic=False)) == 3
    drawn = learner.plot(plotter=lambda child: holoviews.Curve([child.npoints]), dynamic=dynamic)
    assert columns(drawn[2, "u"])[1].tolist() == [1]
    if dynamic:
        assert "no learner with a = 1, b = v" in title(pictures[1, "v"], backend)


def test_children_that_cannot_be_told_apart() -> None:
    learner = adaptive.BalancingLearner([adaptive.Learner1D(abs, (0, 1)) for _ in range(2)])
    with pytest.raises(ValueError, match="distinguish the learners"):
        learner.plot(cdims=[{"a": 1}, {"a": 1}])
    with pytest.raises(TypeError, match="hashable"):
        learner.plot(cdims=[{"a": [1]}, {"a": [2]}])
