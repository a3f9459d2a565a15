"""Runs of learners of a class of the user: what it notes on the copy in the run is in the learner at the end."""

from __future__ import annotations

from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import pytest

import adaptive_dask
from adaptive_dask.learner.learner1D import Learner1D


def line(x: float) -> float:
    return x


class Noting(Learner1D):
    def __init__(self, label: str, bounds: tuple[float, float] = (0.0, 1.0)) -> None:
        super().__init__(line, bounds)
        self.label = label
        self.asked = 0
        self.told: list[float] = []

    def ask(self, n: int, tell_pending: bool = True) -> Any:
        self.asked += 1
        return super().ask(n, tell_pending)

    def tell(self, x: float, y: Any) -> None:
        self.told.append(x)
        super().tell(x, y)


@pytest.mark.parametrize("kind", [ThreadPoolExecutor, ProcessPoolExecutor])
def test_notes_are_in_the_learner_at_the_end(kind: Any) -> None:
    learner = Noting("mine")
    executor: Executor
    with kind(1) as executor:
        adaptive_dask.BlockingRunner(learner, npoints_goal=7, executor=executor)
    assert learner.label == "mine"
    assert learner.asked > 0
    assert learner.npoints >= 7
    assert sorted(learner.told) == sorted(learner.data)
