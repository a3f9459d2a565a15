"""Vectorized functions: what they get, and what they may return."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import adaptive_dask as adaptive
from adaptive_dask.errors import BatchShapeError
from adaptive_dask.learner.batch_call import as_batch, call_batch


def test_numbers_come_as_one_axis_and_tuples_as_two() -> None:
    assert as_batch([0.5, 1.5]).shape == (2,)
    assert as_batch([(0.0, 1.0), (2.0, 3.0), (4.0, 5.0)]).shape == (3, 2)
    assert as_batch([3, 4]).dtype.kind == "i"
    assert as_batch([np.zeros(3), np.ones(3)]).shape == (2, 3)


@pytest.mark.parametrize("points", [["a", "b"], [{"a": 1}], [np.zeros(2), np.zeros(3)], [None, 1.0]])
def test_anything_else_comes_as_a_list(points: list[Any]) -> None:
    batch = as_batch(points)
    assert type(batch) is list
    assert len(batch) == len(points)


def test_values_are_plain_numbers_rows_or_whatever_a_list_has() -> None:
    values = call_batch(np.sin, [0.0, 1.0])
    assert values == [0.0, float(np.sin(1.0))]
    assert all(type(value) is float for value in values)
    rows = call_batch(lambda x: np.stack([x, x**2], axis=1), [2.0, 3.0])
    np.testing.assert_array_equal(rows, [[2.0, 4.0], [3.0, 9.0]])
    assert call_batch(lambda x: [{"y": y} for y in x], [1.0, 2.0]) == [{"y": 1.0}, {"y": 2.0}]


@pytest.mark.parametrize(
    "result", [1.0, np.array(1.0), np.zeros(3), np.zeros((3, 2)), [1.0], (1.0, 2.0, 3.0), None, {1: 2, 3: 4}]
)
def test_a_wrong_number_of_values_is_refused(result: Any) -> None:
    with pytest.raises(BatchShapeError, match=r"For 2 points it returned"):
        call_batch(lambda x: result, [0.0, 1.0])


def test_learners_hand_on_batches() -> None:
    def square(x: Any) -> Any:
        assert isinstance(x, np.ndarray)
        return x**2

    sequence = adaptive.SequenceLearner(square, [1.0, 2.0, 3.0])
    assert call_batch(sequence.function, sequence.ask(3)[0]) == [1.0, 4.0, 9.0]

    def record(x: Any) -> Any:
        return [{"y": y, "size": len(x)} for y in x**2]

    saver = adaptive.DataSaver(adaptive.Learner1D(record, (-1, 1)), arg_picker=lambda result: result["y"])
    picked = call_batch(saver.function, [0.5, 2.0])
    assert [value.y for value in picked] == [0.25, 4.0]
    assert picked[0].extra == {"y": 0.25, "size": 2}

    children = adaptive.BalancingLearner([adaptive.Learner1D(lambda x, k=k: k * x, (-1, 1)) for k in range(3)])
    assert call_batch(children.function, [(2, 1.0), (0, 5.0), (2, -1.0)]) == [2.0, 0.0, -2.0]
