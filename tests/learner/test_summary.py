"""What learners say of themselves in a terminal and in a notebook."""

from __future__ import annotations

import functools
from operator import itemgetter
from typing import Any

import pytest
from scipy.spatial import ConvexHull

import adaptive_dask as adaptive


def f(x: Any, width: float = 1.0) -> Any:
    return x


def asked(learner: Any, told: int, pending: int) -> Any:
    points, _ = learner.ask(told)
    learner.tell_many(points, [1.0] * len(points))
    learner.ask(pending)
    return learner


CASES = {
    "<Learner1D of f on (-1.0, 1.0): 4 points, 2 pending>": lambda: asked(adaptive.Learner1D(f, (-1, 1)), 4, 2),
    "<Learner1D of f(…, width=0.5) on (-1.0, 1.0): 0 points>": lambda: adaptive.Learner1D(
        functools.partial(f, width=0.5), (-1, 1)
    ),
    "<Learner2D of f on ((0.0, 1.0), (0.0, 2.0)): 4 points>": lambda: asked(
        adaptive.Learner2D(f, [(0, 1), (0, 2)]), 4, 0
    ),
    "<LearnerND of f on a ConvexHull: 0 points>": lambda: adaptive.LearnerND(f, ConvexHull([[0, 0], [0, 1], [1, 0]])),
    "<AverageLearner of f: 3 points>": lambda: asked(adaptive.AverageLearner(f, atol=1), 3, 0),
    "<SequenceLearner of f: 1 points, 2 pending>": lambda: asked(adaptive.SequenceLearner(f, range(5)), 1, 2),
    "<DataSaver of f on (-1.0, 1.0): 0 points>": lambda: adaptive.DataSaver(
        adaptive.Learner1D(f, (-1, 1)), itemgetter("y")
    ),
    "<BalancingLearner of 2 × Learner1D: 0 points>": lambda: adaptive.BalancingLearner(
        [adaptive.Learner1D(f, (-1, 1))] * 2
    ),
}


@pytest.mark.parametrize("expected", CASES)
def test_one_line(expected: str) -> None:
    assert repr(CASES[expected]()) == expected


def test_a_table() -> None:
    shown = asked(adaptive.Learner1D(f, (-1, 1)), 2, 1)._repr_html_()
    rows = {"function": "f", "bounds": "(-1.0, 1.0)", "points": "2", "pending": "1", "loss": "1"}
    assert "<caption>Learner1D</caption>" in shown
    for name, text in rows.items():
        assert f'{name}</th><td style="text-align: left">{text}</td>' in shown


def test_children_are_counted() -> None:
    learner = adaptive.BalancingLearner([adaptive.Learner1D(f, (-1, 1)) for _ in range(3)])
    assert "3 × Learner1D" in learner._repr_html_()


def test_everything_is_escaped() -> None:
    def function(x: float) -> float:
        return x

    function.__qualname__ = "<script>alert(1)</script>"
    shown = adaptive.Learner1D(function, (0, 1))._repr_html_()
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown


def test_a_broken_learner_is_shown_too() -> None:
    class Broken(adaptive.Learner1D):
        npoints = property(lambda self: 1 / 0)  # type: ignore[assignment]

        def loss(self, real: bool = True) -> float:
            raise RuntimeError("no loss")

    assert repr(Broken(f, (0, 1))) == "<Broken of f on (0.0, 1.0): (ZeroDivisionError) points>"
    assert "(RuntimeError)" in Broken(f, (0, 1))._repr_html_()
    assert "AttributeError" in repr(Broken.__new__(Broken))


def test_long_texts_are_cut() -> None:
    learner = adaptive.LearnerND(f, [(0, 1)] * 12)
    assert len(repr(learner)) < 250
