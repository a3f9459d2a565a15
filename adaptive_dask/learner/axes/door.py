"""Learners over a `Space`: the supported learners, their construction and their extension."""

from __future__ import annotations

import inspect
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

import adaptive_dask
from adaptive_dask.errors import Infeasible
from adaptive_dask.learner.axes.axis import Axis, Categories, Fixed, Int, Linear, Log, Periodic, UnsupportedAxisError
from adaptive_dask.learner.axes.feasible import FeasibleByName
from adaptive_dask.learner.axes.keyword_function import NUMBER, SAMPLE, SEED, TUPLE
from adaptive_dask.learner.axes.space import Space, plain_value
from adaptive_dask.learner.axes_learner import AxesLearner
from adaptive_dask.learner.balancing_learner import BalancingLearner, named_product
from adaptive_dask.learner.data_saver import DataSaver
from adaptive_dask.learner.settings_learner import SettingsLearner


class Takes(NamedTuple):
    """The axes that a type of learner supports, their number, and the form of its points."""

    axes: tuple[type[Axis], ...]
    ndim: int | None
    form: str


_REAL = (Linear, Log)

# By name, because the classes may not be imported. An IntegratorLearner would integrate over a logarithm.
TAKES = {
    "Learner1D": Takes((*_REAL, Periodic, Int), 1, NUMBER),
    "Learner2D": Takes((*_REAL, Periodic, Int), 2, TUPLE),
    "LearnerND": Takes((*_REAL, Periodic, Int), None, TUPLE),
    "AverageLearner1D": Takes((*_REAL, Periodic, Int), 1, SAMPLE),
    "RationalLearner1D": Takes((*_REAL, Periodic, Int), 1, NUMBER),
    "IntegratorLearner": Takes((Linear,), 1, NUMBER),
    "SparseGridLearner": Takes((*_REAL, Periodic, Int), None, TUPLE),
    "SKOptLearner": Takes((*_REAL, Periodic, Int), None, TUPLE),
}


def make(kind: type, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """Make a learner over the `Space` among the arguments of its constructor.

    Raises
    ------
    UnsupportedAxisError
        If learners of this type do not support a space, or one of its axes.
    TypeError
        If the function does not accept the arguments by name.
    """
    given = [each for each in (*args, *options.values()) if isinstance(each, Space)]
    if len(given) > 1:
        raise TypeError(f"A {kind.__name__} must have one space, got {len(given)}.")
    name, takes = next(
        ((each.__name__, TAKES[each.__name__]) for each in kind.__mro__ if each.__name__ in TAKES),
        (kind.__name__, None),
    )
    if takes is None:
        raise UnsupportedAxisError(f"{name} does not support a Space, got {given[0]!r}. Use one of {_names(None)}.")
    function = options.get("function", options.get("func", args[0] if args else None))
    space = given[0].with_texts_of(function) if callable(function) else given[0]
    if any(isinstance(axis, Categories) for axis in space.varying):
        return _balanced(kind, args, options, space)
    _check(name, takes, space)
    if callable(function):
        space.check_function(function, (SEED,) if takes.form == SAMPLE else ())
    pairs = [_bounds_for(kind, axis) for axis in space.numeric]
    bounds = pairs if takes.form == TUPLE else pairs[0]
    args = tuple(bounds if isinstance(each, Space) else each for each in args)
    options = {key: bounds if isinstance(each, Space) else each for key, each in options.items()}
    form = takes.form
    if name == "SKOptLearner":
        args, options = args[:1], {**options, **({"dimensions": args[1]} if len(args) > 1 else {})}
        form = NUMBER if len(pairs) == 1 else TUPLE
    if callable(options.get("feasible")):
        feasible = FeasibleByName(options["feasible"], space, form)
        space.check_function(feasible.feasible, what="feasible")
        options = {**options, "feasible": feasible}
    learner = kind(*args, **options)
    whole = tuple(isinstance(axis, Int) for axis in space.numeric)
    if any(whole) and name != "SKOptLearner":
        learner._whole = whole
    if any(isinstance(axis, Periodic) for axis in space.numeric) and hasattr(learner, "_periodic"):
        learner._periodic = tuple(isinstance(axis, Periodic) for axis in space.numeric)
    return AxesLearner(learner, space, form)


def _bounds_for(kind: Any, axis: Linear) -> tuple[float, float]:
    """Return the bounds of an axis for a learner; scikit-optimize needs integers for whole numbers."""
    if isinstance(axis, Periodic):
        return axis.widened(kind._beyond_seam)
    if isinstance(axis, Int) and any(each.__name__ == "SKOptLearner" for each in kind.__mro__):
        return int(axis.low), int(axis.high)
    return axis.inner_bounds


def _balanced(kind: type, args: tuple[Any, ...], options: dict[str, Any], space: Space) -> BalancingLearner:
    """Make a child for each combination of categories, in the order of the space; the last one varies fastest."""
    categories = {name: axis for name, axis in space.axes.items() if isinstance(axis, Categories)}
    if len(categories) == space.ndim:
        raise ValueError(
            f"A space must have an axis that is divided, got categories only in {space!r}. Evaluate the combinations "
            "with a SequenceLearner."
        )
    cdims = named_product(**{name: axis.values for name, axis in categories.items()})
    children = []
    for each in cdims:
        fixed = {
            name: Fixed(value).called(categories[name].unit, categories[name].label) for name, value in each.items()
        }
        slice_ = space.replaced(**fixed)
        child_args = tuple(slice_ if isinstance(arg, Space) else arg for arg in args)
        children.append(make(kind, child_args, {k: slice_ if isinstance(v, Space) else v for k, v in options.items()}))
    return BalancingLearner(children, cdims=cdims, one_budget=True)


def extended(learner: Any, space: Space) -> Any:
    """Return a learner over another space with the data of a learner; see `AxesLearner.extended`."""
    if not isinstance(space, Space):
        raise TypeError(f"space must be a Space, got {space!r}.")
    if isinstance(learner, DataSaver):
        saver = learner.new()
        saver.learner = extended(learner.learner, space)
        points = list(learner.extra_data)
        saver.extra_data.update(
            zip(_moved(learner.learner, saver.learner, points), learner.extra_data.values(), strict=True)
        )
        return saver
    if not isinstance(learner, AxesLearner):
        raise TypeError(
            f"A learner must be over a Space without categories to be extended, got a {type(learner).__name__}."
        )
    inner: Any = learner.learner
    kind: Any = type(inner)
    settings = _settings(inner)
    if kind.__name__ in ("Learner1D", "Learner2D") and TAKES[kind.__name__].ndim != space.ndim:
        kind = getattr(adaptive_dask, {1: "Learner1D", 2: "Learner2D"}.get(space.ndim, "LearnerND"))
        settings = {name: value for name, value in settings.items() if name in ("feasible", "feasibility_tol", "nan")}
    if any(isinstance(axis, Categories) for axis in space.varying):
        raise UnsupportedAxisError(f"A learner must be extended to a space without categories, got {space!r}.")
    wider: AxesLearner = kind(inner.function, space, **settings)
    points, values = learner.results()
    moved = _moved(learner, wider, points)
    if wider._form != SAMPLE:  # samples have noise
        _check_equal(moved, values)
    wider.tell_many(moved, values)
    return wider


def _check_equal(points: list[Any], values: list[Any]) -> None:
    """Raise ValueError if points that are equal in the new space have different values."""
    known: dict[Any, Any] = {}
    for point, value in zip(points, values, strict=True):
        other = known.setdefault(point, value)
        is_number = other is not value and not isinstance(other, Infeasible) and not isinstance(value, Infeasible)
        if is_number and not np.allclose(other, value, rtol=1e-6, atol=1e-9, equal_nan=True):
            raise ValueError(
                f"space must have the period of the function, got the values {other!r} and {value!r} of the data at "
                f"{point!r}."
            )


def _settings(inner: Any) -> dict[str, Any]:
    """Return the arguments of a learner's constructor, without function and bounds."""
    # Those of a SKOptLearner are the arguments themselves.
    settings = inner._settings() if isinstance(inner, SettingsLearner) else inner._settings
    return {name: value for name, value in settings.items() if name not in ("bounds", "dimensions")}


def _moved(old: AxesLearner, new: AxesLearner, points: list[Any]) -> list[Any]:
    """Convert points of one space to another."""
    if not points:
        return []
    lost = [name for name in old.space.axes if name not in new.space.axes]
    if lost:
        raise ValueError(f"space must have all arguments of {old.space!r}, got none called {lost[0]!r}.")
    try:
        parameters = inspect.signature(old.learner.function).parameters
    except (TypeError, ValueError):  # functions written in C may have no signature
        parameters = MappingProxyType({})
    constant = old.space.fixed
    for name in new.space.axes.keys() - old.space.axes.keys():
        default = parameters[name].default if name in parameters else inspect.Parameter.empty
        if default is inspect.Parameter.empty:
            raise ValueError(f"space must have arguments of {old.space!r}, got {name!r}, which its data do not have.")
        constant[name] = default
    for name, value in new.space.fixed.items():
        if name in old.space.names:
            raise ValueError(f"{name} must vary, as in the data, got the value {value!r}.")
        if plain_value(Fixed(constant[name]).about) != plain_value(Fixed(value).about):
            raise ValueError(f"{name} must vary, or have the value {constant[name]!r} of the data, got {value!r}.")
    before, after = old.function, new.function
    return [new._points.checked(after.point({**constant, **before.arguments(point)})) for point in points]


def _check(name: str, takes: Takes, space: Space) -> None:
    for called, axis in zip(space.names, space.varying, strict=True):
        if type(axis) not in takes.axes:
            raise UnsupportedAxisError(
                f"{name} does not support {type(axis).__name__} axes, got {called}={axis!r}. Learners that support "
                f"them: {_names(type(axis)) or 'none yet'}."
            )
    if takes.ndim is not None and space.ndim != takes.ndim:
        raise ValueError(
            f"The space for {name} must have {takes.ndim} ax{'is' if takes.ndim == 1 else 'es'} that var"
            f"{'ies' if takes.ndim == 1 else 'y'}, got {space.ndim} in {space!r}. Give the others a value, or use a "
            "LearnerND."
        )
    if takes.form == SAMPLE and SEED in space.axes:
        raise ValueError(f"An axis of an {name} must have another name than {SEED!r}, which is an argument already.")


def _names(axis: type[Axis] | None) -> str:
    return ", ".join(name for name, takes in TAKES.items() if axis is None or axis in takes.axes)
