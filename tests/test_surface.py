"""Notebooks written for python-adaptive find its public names, arguments, defaults, methods and properties here."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from typing import Any

import adaptive
import pytest

MODULES = [
    "",
    "learner",
    "notebook_integration",
    "runner",
    "utils",
    *[
        f"learner.{name}"
        for name in (
            "average_learner",
            "average_learner1D",
            "balancing_learner",
            "base_learner",
            "data_saver",
            "integrator_learner",
            "learner1D",
            "learner2D",
            "learnerND",
            "sequence_learner",
        )
    ],
]

# Of python-adaptive's own making: nobody's notebook calls them.
INTERNAL = {
    *("TYPE_CHECKING", "T", "LearnerType", "dispatch", "with_pandas", "with_distributed", "with_ipyparallel"),
    *("with_mpi4py", "to_list", "volume", "orientation", "choose_point_in_triangle", "choose_point_in_simplex"),
    *("assign_defaults", "copy_docstring_from", "partial_function_from_dataframe", "cache_latest", "restore"),
    *("IntegratorLearner.add_ival", "IntegratorLearner.pop_from_stack", "IntegratorLearner.propagate_removed"),
    *("LearnerND.get_local_transform_matrix", "BaseRunner"),
    # A learner is saved with its own method; an asynchronous function runs on the workers.
    *("utils.save", "utils.load", "daskify"),
    # Plotly draws nothing here, and which updates are sent is the clock's affair.
    *("ensure_plotly", "should_update"),
}
# Another default.
DEFAULTS = {
    # As often as live_info_terminal.
    *(f"{runner}.live_info: update_interval is 0.5 by default, not 0.1" for runner in ("AsyncRunner", "Runner")),
}
ELSEWHERE = INTERNAL | DEFAULTS


def public(module: Any) -> list[str]:
    """What a module offers: its ``__all__``, or what is defined there."""
    names = getattr(module, "__all__", None)
    if names is None:
        here = module.__name__
        names = [n for n, v in vars(module).items() if getattr(v, "__module__", here) == here]
    return [name for name in names if not name.startswith("_") and not inspect.ismodule(getattr(module, name))]


def arguments(function: Any) -> dict[str, inspect.Parameter]:
    try:
        return dict(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return {}


def lacking_arguments(theirs: Any, ours: Any, name: str) -> Iterator[str]:
    given = arguments(ours)
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in given.values())
    for argument, parameter in arguments(theirs).items():
        if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            continue
        if argument not in given:
            if not takes_any:
                yield f"{name}: {argument}"
        elif parameter.default is not parameter.empty and not callable(parameter.default):
            default = given[argument].default
            if repr(default) != repr(parameter.default):  # repr, for NaN and arrays
                yield f"{name}: {argument} is {default!r} by default, not {parameter.default!r}"


def lacking(theirs: Any, ours: Any, name: str) -> Iterator[str]:
    if not inspect.isclass(theirs):
        if callable(theirs):
            yield from lacking_arguments(theirs, ours, name)
        return
    yield from lacking_arguments(theirs.__init__, ours.__init__, name)
    for member, value in inspect.getmembers(theirs):
        if member.startswith("_"):
            continue
        attribute = f"{name}.{member}"
        if not hasattr(ours, member):
            if member not in inspect.getsource(ours.__init__):  # set there
                yield attribute
        elif inspect.isfunction(value):
            yield from lacking_arguments(value, getattr(ours, member), attribute)


@pytest.mark.parametrize("name", MODULES)
def test_what_python_adaptive_offers_is_here(name: str) -> None:
    theirs = importlib.import_module(f"adaptive.{name}".rstrip("."))
    ours = importlib.import_module(f"adaptive_dask.{name}".rstrip("."))
    missing = []
    for each in public(theirs):
        if each in ELSEWHERE or f"{name}.{each}" in ELSEWHERE:
            continue
        if not hasattr(ours, each):
            missing.append(each)
        else:
            missing += lacking(getattr(theirs, each), getattr(ours, each), each)
    assert not [item for item in missing if item not in ELSEWHERE]


def instances(package: Any) -> dict[str, Any]:
    saved = package.DataSaver(package.Learner1D(abs, (-1, 1)), arg_picker=abs)
    return {
        "AverageLearner": package.AverageLearner(abs, atol=1),
        "AverageLearner1D": package.AverageLearner1D(max, (-1, 1)),
        "BalancingLearner": package.BalancingLearner([package.Learner1D(abs, (-1, 1))]),
        "DataSaver": saved,
        "IntegratorLearner": package.IntegratorLearner(abs, (-1, 1), 0.1),
        "Learner1D": package.Learner1D(abs, (-1, 1)),
        "Learner2D": package.Learner2D(max, [(-1, 1)] * 2),
        "LearnerND": package.LearnerND(max, [(-1, 1)] * 3),
        "SequenceLearner": package.SequenceLearner(abs, [1]),
    }


# Of how python-adaptive works inside.
ATTRIBUTES = {
    "AverageLearner": {"sum_f_sq"},
    "IntegratorLearner": {"max_ivals", "ivals", "priority_split", "x_mapping", "first_ival"},
    "LearnerND": {"n_asked"},
}


@pytest.mark.parametrize("kind", instances(adaptive))
def test_what_a_learner_of_python_adaptive_has_ours_has_too(kind: str) -> None:
    import adaptive_dask

    theirs, ours = instances(adaptive)[kind], instances(adaptive_dask)[kind]
    names = {name for name in vars(theirs) if not name.startswith("_")} - ATTRIBUTES.get(kind, set())
    assert {name for name in names if not hasattr(ours, name)} == set()
