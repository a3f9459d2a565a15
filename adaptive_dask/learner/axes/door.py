"""Learners over a `Space`: which ones there are, and how they are made."""

from __future__ import annotations

from typing import Any, NamedTuple

from adaptive_dask.learner.axes.axis import Axis, Linear, Log, UnsupportedAxisError
from adaptive_dask.learner.axes.keyword_function import NUMBER, SAMPLE, SEED, TUPLE
from adaptive_dask.learner.axes.space import Space
from adaptive_dask.learner.axes_learner import AxesLearner


class Takes(NamedTuple):
    """What a kind of learner takes: which axes, how many of them, and how its points are written."""

    axes: tuple[type[Axis], ...]
    ndim: int | None
    form: str


_REAL = (Linear, Log)

# By the names of classes, as these need not be loaded. An IntegratorLearner would integrate over a logarithm.
TAKES = {
    "Learner1D": Takes(_REAL, 1, NUMBER),
    "Learner2D": Takes(_REAL, 2, TUPLE),
    "LearnerND": Takes(_REAL, None, TUPLE),
    "AverageLearner1D": Takes(_REAL, 1, SAMPLE),
    "RationalLearner1D": Takes(_REAL, 1, NUMBER),
    "IntegratorLearner": Takes((Linear,), 1, NUMBER),
    "SparseGridLearner": Takes(_REAL, None, TUPLE),
    "SKOptLearner": Takes(_REAL, None, TUPLE),
}


def make(kind: type, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """A learner over the `Space` that is among the arguments of its constructor.

    Raises
    ------
    UnsupportedAxisError
        If learners of that kind take no space, or not all of its axes.
    TypeError
        If the function does not take the arguments by name.
    """
    given = [each for each in (*args, *options.values()) if isinstance(each, Space)]
    if len(given) > 1:
        raise TypeError(f"A {kind.__name__} must have one space, got {len(given)}.")
    name, takes = next(
        ((each.__name__, TAKES[each.__name__]) for each in kind.__mro__ if each.__name__ in TAKES),
        (kind.__name__, None),
    )
    if takes is None:
        raise UnsupportedAxisError(f"A {name} takes no Space, got {given[0]!r}. Learners over a Space: {_names(None)}.")
    function = options.get("function", args[0] if args else None)
    space = given[0].with_texts_of(function) if callable(function) else given[0]
    _check(name, takes, space)
    if callable(function):
        space.check_function(function, (SEED,) if takes.form == SAMPLE else ())
    pairs = [axis.inner_bounds for axis in space.numeric]
    bounds = pairs if takes.form == TUPLE else pairs[0]
    args = tuple(bounds if isinstance(each, Space) else each for each in args)
    options = {key: bounds if isinstance(each, Space) else each for key, each in options.items()}
    form = takes.form
    if name == "SKOptLearner":
        args, options = args[:1], {**options, **({"dimensions": args[1]} if len(args) > 1 else {})}
        form = NUMBER if len(pairs) == 1 else TUPLE
    return AxesLearner(kind(*args, **options), space, form)


def _check(name: str, takes: Takes, space: Space) -> None:
    for called, axis in zip(space.names, space.varying, strict=True):
        if type(axis) not in takes.axes:
            raise UnsupportedAxisError(
                f"A {name} takes no {type(axis).__name__} axis, got {called}={axis!r}. Learners that take one: "
                f"{_names(type(axis)) or 'none yet'}."
            )
    if takes.ndim is not None and space.ndim != takes.ndim:
        raise ValueError(
            f"The space of a {name} must have {takes.ndim} ax{'is' if takes.ndim == 1 else 'es'} that var"
            f"{'ies' if takes.ndim == 1 else 'y'}, got {space.ndim} in {space!r}. Give the others a value, or take a "
            "LearnerND."
        )
    if takes.form == SAMPLE and SEED in space.axes:
        raise ValueError(f"An axis of an {name} must have another name than {SEED!r}, which is an argument already.")


def _names(axis: type[Axis] | None) -> str:
    return ", ".join(name for name, takes in TAKES.items() if axis is None or axis in takes.axes)
