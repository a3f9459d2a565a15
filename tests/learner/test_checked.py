"""What counts as a value: one rule for all learners."""

from __future__ import annotations

import datetime
import decimal
import fractions
import math
import warnings
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from operator import itemgetter
from typing import Any

import numpy as np
import pytest

from adaptive_dask import (
    AverageLearner,
    AverageLearner1D,
    BalancingLearner,
    BlockingRunner,
    DataSaver,
    IntegratorLearner,
    Learner1D,
    Learner2D,
    LearnerND,
    RationalLearner1D,
    SequenceLearner,
    SKOptLearner,
    SparseGridLearner,
    simple,
)
from adaptive_dask.errors import FunctionError


class ArrayLike:
    """As a 0-d array of another library."""

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.array(1.5)


class ItemOnly:
    def item(self) -> float:
        return 1.5


class FloatOnly:
    def __float__(self) -> float:
        return 1.5


class NeedsDetach:
    """As a tensor that knows its gradient: it converts by `item` only."""

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise RuntimeError("call detach first")

    def item(self) -> float:
        return 1.5


class Hostile:
    def __repr__(self) -> str:
        raise RuntimeError("no repr")


class Endless:
    """Claims to convert, and gives another one of its kind."""

    def item(self) -> Endless:
        return Endless()


async def coroutine_function() -> float:
    return 1.0


NUMBERS: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "AverageLearner": (lambda f: AverageLearner(f, atol=1e-3), 0),
    "AverageLearner1D": (lambda f: AverageLearner1D(f, (0, 1)), (0, 0.5)),
    "IntegratorLearner": (lambda f: IntegratorLearner(f, (0, 1), 1e-3), 0.5),
    "SKOptLearner": (lambda f: SKOptLearner(f, dimensions=[(0.0, 1.0)]), 0.5),
}
ARRAYS: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "Learner1D": (lambda f: Learner1D(f, (0, 1)), 0.5),
    "Learner2D": (lambda f: Learner2D(f, [(0, 1)] * 2), (0.5, 0.25)),
    "LearnerND": (lambda f: LearnerND(f, [(0, 1)] * 3), (0.5, 0.25, 0.5)),
    "boxes": (lambda f: LearnerND(f, [(0, 1)] * 3, partition="boxes"), (0.5, 0.25, 0.5)),
}
AMPLITUDES: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "RationalLearner1D": (lambda f: RationalLearner1D(f, (0, 1)), 0.5),
    "SparseGridLearner": (lambda f: SparseGridLearner(f, [(0, 1)] * 2), (0.5, 0.25)),
}


def wrapped(kinds: dict[str, tuple[Callable[[Any], Any], Any]]) -> dict[str, tuple[Callable[[Any], Any], Any]]:
    """These, each also in a DataSaver and in a BalancingLearner."""
    result = dict(kinds)
    for name, (make, x) in kinds.items():
        result[f"DataSaver({name})"] = (lambda f, make=make: DataSaver(make(f), _itself)), x
        result[f"BalancingLearner({name})"] = (lambda f, make=make: BalancingLearner([make(f), make(f)])), (1, x)
    return result


def _itself(y: Any) -> Any:
    return y


def kinds(which: dict[str, Any]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("make", "x"), wrapped(which).values(), ids=wrapped(which))


def known(learner: Any) -> Any:
    """The only value that a learner knows."""
    ((_, y),) = learner.data.items()
    return y


ONE_AND_A_HALF = {
    "int-like": np.float32(1.5),
    "Decimal": decimal.Decimal("1.5"),
    "Fraction": fractions.Fraction(3, 2),
    "shape ()": np.array(1.5),
    "shape (1,)": np.array([1.5]),
    "list of one": [1.5],
    "objects": np.array([decimal.Decimal("1.5")]),
    "__array__": ArrayLike(),
    "item": ItemOnly(),
    "__float__": FloatOnly(),
    "fallback to item": NeedsDetach(),
    "not masked": np.ma.array(1.5),
}


@kinds(NUMBERS | ARRAYS | AMPLITUDES)
@pytest.mark.parametrize("value", ONE_AND_A_HALF.values(), ids=ONE_AND_A_HALF)
def test_numbers_of_all_kinds(make: Callable[[Any], Any], x: Any, value: Any) -> None:
    for tell in ("tell", "tell_many"):
        learner = make(None)
        getattr(learner, tell)(*((x, value) if tell == "tell" else ([x], [value])))
        assert np.ravel(known(learner)).tolist() == [1.5]


@kinds(NUMBERS)
def test_a_learner_of_numbers_keeps_floats(make: Callable[[Any], Any], x: Any) -> None:
    learner = make(None)
    learner.tell(x, np.array([[2]]))
    assert type(known(learner)) is float


@kinds(NUMBERS | ARRAYS | AMPLITUDES)
@pytest.mark.parametrize("value", [np.ma.masked, np.ma.array(3, mask=True), np.ma.array([1.5], mask=[True])])
def test_masked_values_are_nan(make: Callable[[Any], Any], x: Any, value: Any) -> None:
    learner = make(None)
    learner.tell_many([x], [value])
    assert np.isnan(known(learner)).all()


@kinds(ARRAYS | AMPLITUDES)
def test_masked_elements_are_nan(make: Callable[[Any], Any], x: Any) -> None:
    for value in (np.ma.array([1, 2], mask=[True, False]), [np.ma.masked, 2.0]):
        learner = make(None)
        learner.tell(x, value)
        np.testing.assert_array_equal(known(learner), [math.nan, 2.0])


@kinds(ARRAYS | AMPLITUDES)
def test_an_array_that_the_function_uses_again_is_copied(make: Callable[[Any], Any], x: Any) -> None:
    for tell in ("tell", "tell_many"):
        learner, array = make(None), np.array([1.0, 2.0])
        getattr(learner, tell)(*((x, array) if tell == "tell" else ([x], [array])))
        array[:] = 7.0
        assert known(learner).tolist() == [1.0, 2.0]


@kinds(NUMBERS | ARRAYS | AMPLITUDES)
@pytest.mark.parametrize("values", [[1.0], [1.0, 2.0, 3.0], []])
def test_a_wrong_number_of_values_is_refused(make: Callable[[Any], Any], x: Any, values: list[float]) -> None:
    learner = make(None)
    for xs, ys in (([x, x], values), (iter([x, x]), iter(values))):
        with pytest.raises(ValueError, match=f"ys must have a value for each of 2 points, got {len(values)}"):
            learner.tell_many(xs, ys)
    assert learner.npoints == 0
    assert not learner.data


REFUSED: dict[str, tuple[Any, str]] = {
    "None": (None, "without `return`"),
    "None among numbers": ([1.0, None], "without `return`"),
    "None in an array": (np.array([1.0, None]), "without `return`"),
    "nested None": ([[1.0, 2.0], [3.0, None]], "without `return`"),
    "complex": (1j, "imaginary part as a vector"),
    "complex of NumPy": (np.complex128(1 + 2j), "imaginary part as a vector"),
    "complex array": (np.array([1 + 2j, 3]), "imaginary part as a vector"),
    "text": ("1.5", "real number"),
    "bytes": (b"1.5", "real number"),
    "text of NumPy": (np.str_("1.5"), "real number"),
    "array of text": (np.array(["1.5"]), "real number"),
    "timedelta": (datetime.timedelta(seconds=5), "seconds"),
    "datetime": (datetime.datetime(2020, 1, 1), "seconds"),
    "timedelta64": (np.timedelta64(5, "s"), "seconds"),
    "datetime64": (np.array(["2020-01-01"], dtype="M8[D]"), "seconds"),
    "dict": ({"y": 1.0}, "DataSaver"),
    "dict in a list": ([{"y": 1.0}], "DataSaver"),
    "set": ({1.0}, "DataSaver"),
    "ragged": ([[1.0, 2.0], [3.0]], "ragged"),
    "empty": ([], "empty"),
    "empty array": (np.zeros((0, 2)), "empty"),
    "record": (np.zeros(1, dtype=[("a", float)]), "DataSaver"),
    "generator": ((i for i in (1.0, 2.0)), "list or an array"),
    "function": (len, "real number"),
    "huge": (10**400, "does not fit"),
    "huge in a list": ([1, 10**400], "does not fit"),
    "class": (float, "real number"),
    "no repr": (Hostile(), "<Hostile, whose repr raises>"),
    "endless": (Endless(), "real number"),
}


@kinds(NUMBERS | ARRAYS)
@pytest.mark.parametrize(("value", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_value_is_refused(make: Callable[[Any], Any], x: Any, value: Any, words: str) -> None:
    learner = make(None)
    learner.tell_pending(x)
    with pytest.raises((TypeError, ValueError), match=words):
        learner.tell(x, value)
    with pytest.raises((TypeError, ValueError), match=words):
        learner.tell_many([x], [value])
    assert not learner.data
    assert learner.npoints == 0
    assert len(learner.pending_points) == 1


@kinds(NUMBERS | ARRAYS)
def test_a_coroutine_that_was_not_awaited(make: Callable[[Any], Any], x: Any) -> None:
    value = coroutine_function()
    with pytest.raises(TypeError, match="await"):
        make(None).tell(x, value)
    value.close()


@kinds(NUMBERS)
def test_vectors_for_a_learner_of_numbers(make: Callable[[Any], Any], x: Any) -> None:
    with pytest.raises(TypeError, match=r"shape \(2,\).*DataSaver"):
        make(None).tell(x, [1.0, 2.0])


@kinds(ARRAYS)
@pytest.mark.parametrize("value", [[1, 2], (1.0, 2), deque([1, 2]), range(1, 3), [np.array(1), decimal.Decimal(2)]])
def test_vectors_of_all_kinds(make: Callable[[Any], Any], x: Any, value: Any) -> None:
    learner = make(None)
    learner.tell(x, value)
    np.testing.assert_array_equal(known(learner), [1.0, 2.0])


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_of_any_shape(name: str) -> None:
    make, _ = ARRAYS[name]

    def matrix(x: Any) -> Any:
        first = float(np.sum(x))
        return np.array([[math.tanh(9 * first), first], [first**2, 1.0]])

    learner = make(matrix)
    simple(learner, npoints_goal=30)
    assert {y.shape for y in learner.data.values()} == {(2, 2)}
    assert learner.vdim == 4
    learner.tell_many(list(learner.data)[:1], [np.zeros((2, 2))])  # known: nothing changes
    for wrong in (1.0, [1.0, 2.0], np.zeros((4, 1)), np.zeros((2, 2, 1))):
        with pytest.raises(ValueError, match=r"shape of the values told before, \(2, 2\)"):
            learner.tell(next(iter(learner.data)), wrong)
    other = learner.new()
    other.copy_from(learner)
    for x, y in learner.data.items():
        np.testing.assert_array_equal(other.data[x], y)


@kinds(ARRAYS)
def test_numbers_and_arrays_of_one_element_are_alike(make: Callable[[Any], Any], x: Any) -> None:
    places = ARRAYS["LearnerND"][1]
    learner, point = make(None), x
    learner.tell(point, 1.0)
    other = (point[0], _moved(point[1])) if isinstance(point, tuple) and type(point[0]) is int else _moved(point)
    learner.tell(other, [2.0])
    assert [type(y) for y in learner.data.values()] == [float, float], places


def _moved(x: Any) -> Any:
    return x / 2 if isinstance(x, float) else tuple(c / 2 for c in x)


def test_a_sequence_keeps_anything() -> None:
    learner = SequenceLearner(None, range(3))
    for i, value in enumerate([None, 1j, {"a": 1}]):
        learner.tell((i, i), value)
    assert learner.result() == [None, 1j, {"a": 1}]


def test_conversions_leave_no_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        learner = Learner1D(None, (0, 1))
        learner.tell_many([0.0, 0.5, 1.0], [np.ma.masked, np.longdouble(1), True])
    assert learner.data[1.0] == 1.0


def test_points_are_checked_alike() -> None:
    for learner in (Learner2D(None, [(0, 1)] * 2), LearnerND(None, [(0, 1)] * 2)):
        for point in ("12", ("0.5", "0.5"), (0.5, None), (0.5, math.nan), (0.5,), 0.5, None):
            with pytest.raises((TypeError, ValueError)):
                learner.tell(point, 1.0)
            with pytest.raises((TypeError, ValueError)):
                learner.tell_pending(point)
        learner.tell(np.array([0.5, 0.5]), 1.0)
        assert list(learner.data) == [(0.5, 0.5)]


# ---- in a run


def _returns_nothing(x: Any) -> None:
    return None


@pytest.mark.parametrize(("make", "x"), wrapped(NUMBERS | ARRAYS).values(), ids=wrapped(NUMBERS | ARRAYS))
def test_a_run_of_a_function_without_return_fails(make: Callable[[Any], Any], x: Any) -> None:
    learner = make(_returns_nothing)
    with pytest.raises(TypeError, match="without `return`"):
        simple(learner, npoints_goal=10)
    assert learner.npoints == 0
    assert not learner.pending_points


@pytest.mark.parametrize("name", NUMBERS | ARRAYS)
@pytest.mark.parametrize("fault", ["on_error", "picker", "vectorized", "picker of None"])
def test_none_from_elsewhere_fails_the_run(name: str, fault: str) -> None:
    make, _ = (NUMBERS | ARRAYS)[name]

    def raises(x: Any) -> float:
        raise RuntimeError("broken")

    options: dict[str, Any] = {}
    if fault == "on_error":
        learner, options = make(raises), {"on_error": lambda point, error: None}
    elif fault == "picker":
        learner = DataSaver(make(lambda x: {"y": 1.0}), dict.clear)
    elif fault == "picker of None":
        learner = DataSaver(make(_returns_nothing), itemgetter("y"))
    else:
        learner, options = make(lambda xs: [None] * len(xs)), {"vectorized": True}
    with ThreadPoolExecutor(1) as executor, pytest.raises(FunctionError, match="without `return`"):
        BlockingRunner(learner, npoints_goal=10, executor=executor, **options)
    assert not learner.pending_points


def _has_nine(learner: Any) -> bool:
    return bool(getattr(learner, "nsamples", learner.npoints) >= 9)


@pytest.mark.parametrize("name", NUMBERS | ARRAYS)
def test_some_none_among_values_are_failed_points(name: str) -> None:
    make, _ = (NUMBERS | ARRAYS)[name]
    calls = iter(range(10**6))
    learner = make(lambda x: None if next(calls) % 4 == 3 else 0.5)
    with ThreadPoolExecutor(1) as executor:
        runner = BlockingRunner(learner, goal=_has_nine, executor=executor, on_error="skip")
    assert runner.status() == "finished"
    assert any("without `return`" in failed.traceback_text for failed in runner.failures)
    assert not learner.pending_points


def test_the_picker_is_named() -> None:
    learner = DataSaver(Learner1D(None, (0, 1)), dict.clear)
    with pytest.raises(TypeError) as caught:
        learner.tell(0.5, {"y": 1.0})
    assert "arg_picker" in caught.value.__notes__[0]
