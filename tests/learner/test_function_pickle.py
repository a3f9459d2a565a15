"""A learner parts from its functions on the way to the scheduler, and finds them again on a client."""

from __future__ import annotations

import pickle
import subprocess
import sys
import types
from collections.abc import Callable
from typing import Any

import cloudpickle
import pytest

from adaptive_dask.learner.by_value import dumps_by_value
from adaptive_dask.learner.function_pickle import (
    ByValue,
    FunctionElsewhere,
    KeptByValue,
    dumps_apart,
    loads_together,
)
from adaptive_dask.learner.learner1D import Learner1D


class Wrapped:
    """A learner as small as can be: its function, another that it needs everywhere, and children."""

    def __init__(self, function: Any, kept: Any = None, children: tuple[Any, ...] = ()) -> None:
        self.function = function
        self.kept = kept
        self.children = children

    def __getstate__(self) -> dict[str, Any]:
        return {"function": ByValue(self.function), "kept": KeptByValue(self.kept), "children": self.children}


def test_a_ufunc_is_not_taken_from_main(monkeypatch: pytest.MonkeyPatch) -> None:
    """pickle takes the first module where it finds one, which may be a notebook's, by its other name."""
    from scipy.special import eval_jacobi

    homes = ["scipy.special", "scipy.special._ufuncs"]
    modules = {name: sys.modules[name] for name in homes}
    notebook = types.ModuleType("__mp_main__")
    notebook.eval_jacobi = eval_jacobi  # type: ignore[attr-defined]
    for name in homes:
        monkeypatch.delitem(sys.modules, name)
    for name, module in {"__mp_main__": notebook, **modules}.items():
        monkeypatch.setitem(sys.modules, name, module)
    for data in (pickle.dumps(ByValue(eval_jacobi)), dumps_apart(Wrapped(eval_jacobi))[1][0]):
        assert b"scipy.special" in data
        assert b"__mp_main__" not in data
    assert cloudpickle.loads(dumps_by_value(lambda x: eval_jacobi(1, 2, 3, x)))(0.5) == eval_jacobi(1, 2, 3, 0.5)


def adder(offset: float) -> Callable[[float], float]:
    return lambda x: x + offset


def nested() -> Wrapped:
    return Wrapped(adder(1), children=(Wrapped(adder(2)), Wrapped(adder(3), children=(Wrapped(adder(4)),))))


def functions_of(learner: Wrapped) -> list[Any]:
    return [learner.function, *(function for child in learner.children for function in functions_of(child))]


# ---- whole


def test_a_learner_is_pickled_with_its_lambda() -> None:
    learner = pickle.loads(pickle.dumps(Wrapped(adder(5), kept=lambda y: -y)))
    assert learner.function(1) == 6
    assert learner.kept(1) == -1


@pytest.mark.parametrize("wrap", [ByValue, KeptByValue])
def test_what_was_wrapped_is_unwrapped_when_loaded(wrap: type[ByValue]) -> None:
    assert pickle.loads(pickle.dumps(wrap(None))) is None
    assert pickle.loads(pickle.dumps(wrap(adder(2))))(1) == 3


# ---- apart


def test_apart_and_together_again() -> None:
    data, functions = dumps_apart(Wrapped(adder(5)))
    assert [cloudpickle.loads(function)(1) for function in functions] == [6]
    assert loads_together(data, functions).function(1) == 6


def test_without_its_functions_it_has_stand_ins() -> None:
    learner = loads_together(dumps_apart(Wrapped(adder(5)))[0], None)
    assert isinstance(learner.function, FunctionElsewhere)
    with pytest.raises(TypeError, match=r"on the workers.*Set learner\.function"):
        learner.function(1)
    with pytest.raises(TypeError):
        learner.function()
    with pytest.raises(TypeError):
        learner.function(1, 2, keyword=3)
    assert "workers" in repr(learner.function)


def test_the_function_is_not_in_the_learners_bytes() -> None:
    """Nothing that the function needs has to be there where the learner is loaded."""
    marker = "a text that only the function has"
    data, [function] = dumps_apart(Wrapped(lambda x: marker))
    assert marker.encode() not in data
    assert marker.encode() in function


def test_a_function_that_is_needed_everywhere_stays() -> None:
    data, functions = dumps_apart(Wrapped(adder(5), kept=adder(7)))
    assert len(functions) == 1
    assert loads_together(data, None).kept(1) == 8


def test_nested_learners_each_find_their_own_function() -> None:
    data, functions = dumps_apart(nested())
    assert len(functions) == 4
    assert [function(0) for function in functions_of(loads_together(data, functions))] == [1, 2, 3, 4]
    apart = functions_of(loads_together(data, None))
    assert sorted(function.index for function in apart) == [0, 1, 2, 3]


def test_one_that_was_loaded_without_functions_can_be_dumped_again() -> None:
    data, functions = dumps_apart(nested())
    for _ in range(3):
        data, more = dumps_apart(loads_together(data, None))
        assert more == []
    assert [function(0) for function in functions_of(loads_together(data, functions))] == [1, 2, 3, 4]


def test_one_that_was_loaded_with_its_functions_can_be_dumped_again() -> None:
    data, functions = dumps_apart(loads_together(*dumps_apart(nested())))
    assert [function(0) for function in functions_of(loads_together(data, functions))] == [1, 2, 3, 4]


def test_a_stand_in_that_is_pickled_as_usual_stays_one() -> None:
    learner = pickle.loads(pickle.dumps(loads_together(dumps_apart(Wrapped(adder(5)))[0], None)))
    assert isinstance(learner.function, FunctionElsewhere)
    assert learner.function.index == 0


def test_a_function_that_cannot_be_pickled_says_so() -> None:
    generator = (x for x in "abc")
    with pytest.raises(TypeError, match="generator"):
        dumps_apart(Wrapped(lambda x: next(generator)))


# ---- a learner


def told_learner() -> Learner1D:
    width = 0.1
    learner = Learner1D(lambda x: x / (width + x * x), (-1, 1), loss_per_interval=lambda xs, ys: (xs[1] - xs[0]) ** 2)
    for _ in range(20):
        [x], _ = learner.ask(1)
        learner.tell(x, learner.function(x))
    return learner


def test_a_learner_parts_with_its_function_and_keeps_its_loss() -> None:
    learner = told_learner()
    data, functions = dumps_apart(learner)
    there = loads_together(data, None)
    assert dict(there.data) == dict(learner.data)
    assert there.loss() == learner.loss()
    assert there.ask(3) == learner.ask(3)
    with pytest.raises(TypeError, match="workers"):
        there.function(0.0)
    back = loads_together(dumps_apart(there)[0], functions)
    assert back.function(0.5) == learner.function(0.5)


def test_a_function_of_main_is_loaded_where_main_is_another() -> None:
    script = """
import pickle, sys
from adaptive_dask.learner.by_value import dumps_by_value
from adaptive_dask.learner.function_pickle import dumps_apart
from adaptive_dask.learner.learner1D import Learner1D
def half(x): return x / DIVISOR
def loss(xs, ys): return FACTOR * (xs[1] - xs[0])
DIVISOR, FACTOR = 2, 3.0
learner = Learner1D(half, (0, 1), loss)
learner.tell_many([0.0, 1.0], [0.0, 0.5])
sys.stdout.buffer.write(pickle.dumps(dumps_apart(learner)))
"""
    sent = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True).stdout
    data, functions = pickle.loads(sent)
    assert loads_together(data, None).loss() == 3.0
    assert loads_together(data, functions).function(3) == 1.5
