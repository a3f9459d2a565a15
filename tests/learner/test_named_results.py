"""Results with names: which part is learned, what is kept, and errors that list the names."""

from __future__ import annotations

import asyncio
import collections
import dataclasses
import pickle
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import cloudpickle
import numpy as np
import pytest

import adaptive_dask as adaptive
from adaptive_dask.errors import BatchShapeError
from adaptive_dask.learner.function_pickle import dumps_apart, loads_together
from adaptive_dask.learner.named_results import NamedPicker


class Pair(NamedTuple):
    gap: float
    width: Any


@dataclasses.dataclass
class Record:
    gap: float
    width: Any


KINDS: dict[str, Callable[..., Any]] = {
    "dict": dict,
    "ordered dict": collections.OrderedDict,
    "read-only mapping": lambda **parts: MappingProxyType(parts),
    "named tuple": Pair,
    "dataclass": Record,
}


def line(function: Callable[[float], Any], **options: Any) -> adaptive.DataSaver:
    return adaptive.DataSaver(adaptive.Learner1D(function, (-1, 1)), **options)


@pytest.mark.parametrize("kind", KINDS)
def test_a_part_is_learned_and_all_are_kept_by_name(kind: str) -> None:
    learner = line(lambda x: KINDS[kind](gap=x**2, width=[x, "text"]), learn="gap")
    adaptive.simple(learner, npoints_goal=9)
    assert learner.learn == "gap"
    assert dict(learner.data) == {x: x**2 for x in learner.data}
    assert learner.extra_data == {x: {"gap": x**2, "width": [x, "text"]} for x in learner.data}
    assert all(type(parts) is dict for parts in learner.extra_data.values())
    again = pickle.loads(pickle.dumps(learner.new()))
    assert again.learn == "gap"
    again.tell(0.5, again.learner.function(0.5))
    assert again.extra_data == {0.5: {"gap": 0.25, "width": [0.5, "text"]}}


def test_several_names_are_a_vector_and_one_name_may_be_an_array() -> None:
    def f(x: float) -> dict[str, Any]:
        return {"a": x, "b": np.float32(2), "c": Fraction(1, 4), "d": np.array([[x]]), "e": np.arange(3.0)}

    learner = line(f, learn=["a", "b", "c", "d"])
    adaptive.simple(learner, npoints_goal=5)
    for x, value in learner.data.items():
        np.testing.assert_array_equal(value, [x, 2, 0.25, x])
    assert learner.learn == ("a", "b", "c", "d")
    arrays = line(f, learn="e")
    adaptive.simple(arrays, npoints_goal=5)
    assert all(np.array_equal(value, [0, 1, 2]) for value in arrays.data.values())
    one = line(f, learn=["a"])
    assert one.function(0.5).y.shape == (1,)


def test_a_function_may_use_its_dict_again() -> None:
    result: dict[str, float] = {}

    def f(x: float) -> dict[str, float]:
        result["y"] = x
        return result

    learner = line(f, learn="y")
    adaptive.simple(learner, npoints_goal=3)
    assert learner.extra_data == {x: {"y": x} for x in (-1.0, 0.0, 1.0)}


@pytest.mark.parametrize(
    ("result", "learn", "kind", "message"),
    [
        (None, "gap", TypeError, r"with 'gap', got None, which a function without `return`"),
        (1.5, ["gap", "width"], TypeError, r"with 'gap', 'width', got float '1.5'"),
        ((1.0, 2.0), "gap", TypeError, "named tuple or a dataclass with 'gap', got tuple"),
        (Record, "gap", TypeError, "named tuple or a dataclass with 'gap', got type"),
        (np.zeros(3), "gap", TypeError, r"got ndarray of shape \(3,\)"),
        ({"energy": 1, "width": 2}, "gap", ValueError, "part 'gap', got a result with 'energy', 'width'"),
        ({}, "gap", ValueError, "got a result without parts"),
        ({f"p{i}": i for i in range(30)}, "gap", ValueError, "'p19' and 10 more"),
        ({"gap": None, "width": 2}, "gap", TypeError, "got None; a result with 'gap', 'width'"),
        ({"gap": 1.0, 3: 2}, "gap", TypeError, "must be strings, got 3 among a result with 'gap', 3"),
        ({"gap": 1.0, None: 2}, "gap", TypeError, "must be strings, got None"),
        (Pair(1.0, [1, 2]), ["gap", "width"], TypeError, r"'width' of shape \(2,\).*learn='width'"),
        (Pair(1.0, "text"), ["gap", "width"], TypeError, "'width' of the result .*'gap', 'width'.* got 'text'"),
        (Pair(1.0, None), ["gap", "width"], TypeError, "'width' of the result must have a value, got None"),
    ],
)
def test_errors_list_the_names(result: Any, learn: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        line(lambda x: result, learn=learn).function(0.5)


@pytest.mark.parametrize("value", ["text", {"deep": 1.0}, 1 + 2j, b"bytes"])
def test_a_part_of_a_wrong_type_says_which_part_it_is(value: Any) -> None:
    learner = line(lambda x: {"gap": value}, learn="gap")
    with pytest.raises(TypeError, match="real number") as raised:
        learner.tell(0.5, learner.function(0.5))
    assert "the part 'gap'" in raised.value.__notes__[0]
    assert not learner.extra_data


def test_a_result_without_the_name_is_a_failed_point() -> None:
    def f(x: float) -> Any:
        return {"gap": x} if x <= 0 else {"energy": x, "state": "lost"}

    with ThreadPoolExecutor(1) as executor:
        runner = adaptive.BlockingRunner(line(f, learn="gap"), npoints_goal=5, executor=executor, on_error="skip")
    assert runner.learner.npoints == 5
    assert "part 'gap', got a result with 'energy', 'state'" in runner.failures[0].traceback_text


@pytest.mark.parametrize("learn", [3, [], [""], "", b"gap", ["a", 3], {"a"}, ["a", None]])
def test_names_that_are_none(learn: Any) -> None:
    with pytest.raises(TypeError, match="learn must be"):
        line(abs, learn=learn)


def test_arguments_that_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="each name once"):
        line(abs, learn=["a", "a"])
    for options in ({}, {"learn": "a", "arg_picker": abs}):
        with pytest.raises(TypeError, match="must be given, got arg_picker="):
            line(abs, **options)
    with pytest.raises(ValueError, match="pass learn="):
        line(abs, arg_picker=abs, evaluation=True)
    with pytest.raises(TypeError, match="pass learn='gap'"):
        line(abs, arg_picker="gap")
    assert line(abs, arg_picker=abs).learn is None
    assert repr(NamedPicker("a")) == "NamedPicker('a')"


@pytest.mark.parametrize("inner", ["line", "sequence"])
@pytest.mark.parametrize("kind", ["arrays", "list"])
def test_vectorized_functions_return_named_arrays_or_a_list(inner: str, kind: str) -> None:
    def f(xs: Any) -> Any:
        xs = np.asarray(xs)
        if kind == "list":
            return [Pair(x, [x]) for x in xs]
        return Pair(xs, np.stack([xs, 2 * xs], axis=1))

    if inner == "line":
        learner = line(f, learn="gap", evaluation=True)
        points = [0.25, 0.5]
    else:
        learner = adaptive.DataSaver(adaptive.SequenceLearner(f, [0.25, 0.5]), learn="gap", evaluation=True)
        points = [(0, 0.25), (1, 0.5)]
    picked = learner.function.call_batch(points)
    assert [each.y for each in picked] == [0.25, 0.5]
    assert [float(each.extra["width"][0]) for each in picked] == [0.25, 0.5]
    assert picked[0].extra["evaluation.seconds"] == picked[1].extra["evaluation.seconds"] >= 0


def test_named_arrays_of_another_length() -> None:
    for parts in ({"gap": np.zeros(3)}, {"gap": 1.0}, {"gap": "ab"}):
        with pytest.raises(BatchShapeError, match="part 'gap'"):
            line(lambda xs, parts=parts: parts, learn="gap").function.call_batch([0.1, 0.2])
    with pytest.raises(BatchShapeError, match="vectorized"):
        line(lambda xs: 1.0, learn="gap").function.call_batch([0.1, 0.2])
    with pytest.raises(ValueError, match="without parts"):
        line(lambda xs: {}, learn="gap").function.call_batch([0.1, 0.2])


def test_how_long_and_where() -> None:
    def slow(x: float) -> dict[str, float]:
        time.sleep(0.02)
        return {"y": x}

    async def waits(x: float) -> dict[str, float]:
        await asyncio.sleep(0.02)
        return {"y": x}

    plain = line(slow, learn="y", evaluation=True).function(0.5)
    later = asyncio.run(line(waits, learn="y", evaluation=True).function(0.5))
    for picked in (plain, later):
        assert list(picked.extra) == ["y", "evaluation.seconds", "evaluation.where"]
        assert 0.015 < picked.extra["evaluation.seconds"] < 5
        assert picked.extra["evaluation.where"].startswith("process ")
    assert "evaluation.seconds" in line(slow, learn="y", evaluation=True).new().function(0.5).extra


def test_a_copy_on_the_scheduler_can_pick_by_name() -> None:
    learner = line(lambda x: {"gap": x, "width": 1}, learn=["gap", "width"])
    hosted = loads_together(dumps_apart(learner)[0], None)
    hosted.tell(0.5, {"gap": 0.5, "width": 1})
    assert list(hosted.data) == [0.5]
    travelled = cloudpickle.loads(cloudpickle.dumps(learner.function))
    assert travelled(0.25).extra == {"gap": 0.25, "width": 1}


def test_large_parts_stay_in_files_by_name(tmp_path: Path) -> None:
    learner = line(lambda x: Record(x, np.full(10, x)), learn="gap", extra="cluster", target=str(tmp_path))
    adaptive.simple(learner, npoints_goal=3)
    for x, reference in learner.extra_data.items():
        parts = reference.load()
        assert list(parts) == ["gap", "width"]
        assert np.array_equal(parts["width"], np.full(10, x))


def test_files_keep_the_parts(tmp_path: Path) -> None:
    learner = line(lambda x: Record(x, {"deep": x}), learn="gap")
    adaptive.simple(learner, npoints_goal=5)
    learner.save(tmp_path / "file")
    other = learner.new()
    other.load(tmp_path / "file")
    assert other.extra_data == learner.extra_data


def test_many_learners_are_made_by_name() -> None:
    make = adaptive.make_datasaver(adaptive.Learner1D, learn="y")
    children = [make(lambda x, a=a: {"y": a * x, "a": a}, (0, 1)) for a in (1, 2)]
    adaptive.simple(adaptive.BalancingLearner(children), npoints_goal=3)
    assert [child.extra_data[1.0] for child in children] == [{"y": 1.0, "a": 1}, {"y": 2.0, "a": 2}]


SPACE = adaptive.Space(x=(-1, 1))
MAKERS: dict[str, Callable[..., Any]] = {
    "Learner1D": lambda **k: adaptive.Learner1D(abs, (-1, 1), **k),
    "Learner1D over a space": lambda **k: adaptive.Learner1D(lambda x: x, SPACE, **k),
    "categories": lambda **k: adaptive.Learner1D(lambda x, c: x, adaptive.Space(x=(-1, 1), c=["a", "b"]), **k),
    "Learner2D": lambda **k: adaptive.Learner2D(abs, [(-1, 1)] * 2, **k),
    "LearnerND": lambda **k: adaptive.LearnerND(abs, [(-1, 1)] * 3, **k),
    "SparseGridLearner": lambda **k: adaptive.SparseGridLearner(abs, [(-1, 1)] * 3, **k),
    "AverageLearner": lambda **k: adaptive.AverageLearner(abs, atol=0.1, **k),
    "AverageLearner1D": lambda **k: adaptive.AverageLearner1D(abs, (-1, 1), **k),
    "RationalLearner1D": lambda **k: adaptive.RationalLearner1D(abs, (-1, 1), **k),
    "IntegratorLearner": lambda **k: adaptive.IntegratorLearner(abs, (-1, 1), tol=0.1, **k),
    "SequenceLearner": lambda **k: adaptive.SequenceLearner(abs, [1, 2], **k),
    "SKOptLearner": lambda **k: adaptive.SKOptLearner(abs, dimensions=[(-1.0, 1.0)], **k),
    "BalancingLearner": lambda **k: adaptive.BalancingLearner([adaptive.Learner1D(abs, (-1, 1))], **k),
}


@pytest.mark.parametrize("kind", MAKERS)
def test_other_learners_say_where_learn_belongs(kind: str) -> None:
    if kind == "SKOptLearner":
        pytest.importorskip("skopt")
    name = kind.split(" ")[0].replace("categories", "Learner1D")
    with pytest.raises(TypeError, match=rf"got learn='gap' for a {name}\. .* DataSaver\(learner, learn='gap'\)"):
        MAKERS[kind](learn="gap")
    assert adaptive.DataSaver(MAKERS[kind](), learn="gap").learn == "gap"


def test_learners_of_users_may_have_the_argument_learn() -> None:
    class Declared(adaptive.Learner1D):
        def __init__(self, learn: str) -> None:
            super().__init__(abs, (-1, 1))
            self.learned = learn

    class Passed(adaptive.Learner1D):
        def __init__(self, **options: Any) -> None:
            self.learned = options.pop("learn")
            super().__init__(abs, (-1, 1), **options)

    class Saver(adaptive.DataSaver):
        pass

    assert Declared(learn="gap").learned == Passed(learn="gap").learned == "gap"
    assert Saver(MAKERS["Learner1D"](), learn="gap").learn == "gap"

    class Plain(adaptive.SKOptLearner):
        pass

    with pytest.raises(TypeError, match="for a Plain"):
        Plain(abs, dimensions=[(-1.0, 1.0)], learn="gap")


@pytest.mark.parametrize(
    "start",
    [
        adaptive.runner.simple,
        adaptive.Runner,
        adaptive.BlockingRunner,
        adaptive.AsyncRunner,
        lambda learner, **k: adaptive.run_many([learner], **k),
    ],
)
def test_runs_say_where_learn_belongs(start: Callable[..., Any]) -> None:
    with pytest.raises(
        TypeError, match=r"got learn=\['a', 'b'\] for a run\. .* DataSaver\(learner, learn=\['a', 'b'\]"
    ):
        start(MAKERS["Learner1D"](), npoints_goal=3, learn=["a", "b"])
