"""Texts for calls of a learner's function, with its name, the point and bound arguments."""

from __future__ import annotations

import functools
from typing import Any

from adaptive_dask.errors import AdaptiveError, FunctionError
from adaptive_dask.learner.any_learner import children_of, wrapped_by
from adaptive_dask.plain import one_line, safe_repr

# Maximum number of characters of an argument.
MAX_CHARS = 80


def name_run(error: BaseException, name: str, learner: Any) -> None:
    """Add the name of the run and the call of the function to an error.

    Parameters
    ----------
    error : Exception
    name : str
        Name of the run.
    learner : BaseLearner
        The learner of the run.
    """
    if isinstance(error, FunctionError):
        error.run = name
        error.call = describe_call(learner, error.point)
    elif isinstance(error, AdaptiveError):
        error.add_note(one_line(f"In the run {name!r}."))


def describe_call(learner: Any, point: Any) -> str | None:
    """Return the call as a text, such as "f(0.5, gate=0.95)"; None for a function without a name.

    Parameters
    ----------
    learner : BaseLearner
        A point of a BalancingLearner contains the number of the child.
    point : object
    """
    try:
        inside = learner
        while inside is not None:  # find the learner that has the function
            learner, children = inside, children_of(inside)
            if hasattr(type(learner), "arguments_at"):  # the learner calls the function by name
                return _describe(learner.learner.function, (), learner.arguments_at(point))
            if children is None:
                inside = wrapped_by(learner)
            else:
                index, point = point
                inside = children[index]
        return _describe(learner.function, (point,), {})
    except Exception:  # objects of the user may raise any error
        return None


def _describe(function: Any, given: tuple[Any, ...], named: dict[str, Any]) -> str | None:
    before: tuple[Any, ...] = ()
    while isinstance(function, functools.partial):
        before = (*function.args, *before)
        named = {**function.keywords, **named}
        function = function.func
    name = getattr(function, "__name__", None)
    if name is None:
        return None
    values = [_short(value) for value in (*before, *given)]
    values += [f"{key}={_short(value)}" for key, value in named.items()]
    return one_line(f"{name}({', '.join(values)})")


def _short(value: Any) -> str:
    text = safe_repr(value)
    return text if len(text) <= MAX_CHARS else f"{text[: MAX_CHARS // 2]}…{text[-MAX_CHARS // 2 :]}"
