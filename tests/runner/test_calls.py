"""What errors say about the call that failed."""

from __future__ import annotations

import pickle
from functools import partial
from typing import Any

import pytest

import adaptive_dask as adaptive
from adaptive_dask.errors import FunctionError, LearnerError
from adaptive_dask.runner.calls import describe_call, name_run


def f(x: Any, y: Any = 0, *, gate: float = 0.0) -> Any:
    return x


class Unprintable:
    def __repr__(self) -> str:
        raise SystemExit("not this one")


LEARNER = adaptive.Learner1D(partial(f, gate=0.95), (0, 1))
CASES = [
    (LEARNER, 0.5, "f(0.5, gate=0.95)"),
    (adaptive.Learner1D(f, (0, 1)), 0.5, "f(0.5)"),
    (adaptive.Learner1D(partial(partial(f, 3, gate=1), gate=2), (0, 1)), 0.5, "f(3, 0.5, gate=2)"),
    (adaptive.BalancingLearner([adaptive.Learner1D(f, (0, 1)), LEARNER]), (1, 0.5), "f(0.5, gate=0.95)"),
    (adaptive.DataSaver(LEARNER, abs), 0.5, "f(0.5, gate=0.95)"),
    (adaptive.Learner1D(partial(f, gate="\x1b[2J"), (0, 1)), 0.5, "f(0.5, gate='\\x1b[2J')"),
    (object(), 0.5, None),
]


@pytest.mark.parametrize(("learner", "point", "expected"), CASES)
def test_a_call_is_written_with_all_arguments(learner: Any, point: Any, expected: str | None) -> None:
    assert describe_call(learner, point) == expected


def test_values_that_cannot_be_written_or_are_long_do_no_harm() -> None:
    call = describe_call(adaptive.Learner1D(partial(f, gate=Unprintable()), (0, 1)), 0.5)
    assert call is not None
    assert "Unprintable" in call
    text = describe_call(adaptive.Learner1D(partial(f, gate="long" * 10_000), (0, 1)), 0.5)
    assert text is not None
    assert len(text) < 200


def test_errors_name_run_and_call_and_keep_them() -> None:
    error = FunctionError(0.5, "Traceback: no", "tcp://127.0.0.1:1")
    name_run(error, "gate-19", LEARNER)
    copy = pickle.loads(pickle.dumps(error))
    for each in (error, copy):
        first = str(each).splitlines()[0]
        assert first.startswith("learner.function(0.5) failed on worker tcp://127.0.0.1:1")
        assert "'gate-19'" in first
        assert "f(0.5, gate=0.95)" in first
    other = LearnerError("The goal raised.")
    name_run(other, "gate-19", LEARNER)
    assert other.__notes__ == ["In the run 'gate-19'."]
