"""Notebooks written for python-adaptive find its public names, arguments, defaults, methods and properties here."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import adaptive
import numpy as np
import pytest

import adaptive_dask
from adaptive_dask.run.options import RunArguments, RunOptions

# Of python-adaptive's own making: no script imports them.
MODULES_ELSEWHERE = {
    "_types",  # for type checkers
    "_version",
    "learner.integrator_coeffs",  # tables of one rule
    "learner.triangulation_backend",  # there is one backend
}
MODULES = [
    "",
    *(
        module.name.removeprefix("adaptive.")
        for module in pkgutil.walk_packages(adaptive.__path__, "adaptive.")
        if ".tests" not in module.name
    ),
]

# Of python-adaptive's own making: nobody's notebook calls them.
INTERNAL = {
    *("TYPE_CHECKING", "T", "dispatch", "with_pandas", "with_distributed", "with_ipyparallel", "with_mpi4py"),
    *("to_list", "IntegratorLearner.add_ival", "IntegratorLearner.pop_from_stack", "is_iterable_and_sized"),
    *("IntegratorLearner.propagate_removed", "LearnerND.get_local_transform_matrix"),
    # How its Learner1D and AverageLearner1D sort their intervals.
    *("linspace", "loss_manager", "finite_loss", "decreasing_dict"),
    # A `scipy.spatial.Delaunay` for its LearnerND.
    *("FakeDelaunay", "resolve_triangulation_class", "rust_default_loss"),
    # Which updates are sent is the clock's affair.
    "should_update",
}
# Another default.
DEFAULTS = {
    # As often as live_info_terminal.
    *(f"{runner}.live_info: update_interval is 0.5 by default, not 0.1" for runner in ("AsyncRunner", "Runner")),
    # Half a second in a terminal; in a file a line a minute.
    *(
        f"{runner}.live_info_terminal: update_interval is None by default, not 0.5"
        for runner in ("AsyncRunner", "Runner")
    ),
    # The class to test for; who starts a run takes another.
    "BaseRunner: allow_running_forever is True by default, not False",
}
ELSEWHERE = INTERNAL | DEFAULTS


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def public(module: Any) -> list[str]:
    """What a module offers: its ``__all__``, and what is defined there."""
    here = module.__name__
    names = {n for n, v in vars(module).items() if getattr(v, "__module__", here) == here}
    names.update(getattr(module, "__all__", ()))
    return sorted(name for name in names if not name.startswith("_") and not inspect.ismodule(getattr(module, name)))


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


def test_the_modules_that_are_not_here_exist() -> None:
    assert set(MODULES) >= MODULES_ELSEWHERE
    assert len(MODULES) > 15


@pytest.mark.parametrize("name", sorted({*MODULES} - MODULES_ELSEWHERE))
def test_what_python_adaptive_offers_is_here(name: str) -> None:
    theirs = importlib.import_module(f"adaptive.{name}".rstrip("."))
    ours = importlib.import_module(f"adaptive_dask.{name}".rstrip("."))
    missing = []
    for each in public(theirs):
        if each in ELSEWHERE or f"{name}.{each}" in ELSEWHERE:
            continue
        if not hasattr(ours, each):
            missing.append(each)
        elif name != "learner.triangulation":  # a drop-in replacement of others, with names of arguments of its own
            missing += lacking(getattr(theirs, each), getattr(ours, each), each)
    assert not [item for item in missing if item not in ELSEWHERE]


@pytest.mark.long
@pytest.mark.parametrize(
    "statement",
    [
        "adaptive.learner.learner1D.curvature_loss_function()",
        "adaptive.learner.learnerND.volume([(0, 0), (1, 0), (0, 1)])",
        "adaptive.learner.learner2D.default_loss",
        "adaptive.learner.triangulation.Triangulation([(0, 0), (1, 0), (0, 1)])",
        "adaptive.learner.average_learner1D.AverageLearner1D",
        "adaptive.utils.named_product(a=[1, 2])",
        "adaptive.types.Real",
        "adaptive.runner.BaseRunner",
        "adaptive.runner.simple",
        "adaptive.notebook_integration.in_ipynb()",
    ],
)
def test_modules_are_attributes_without_an_import(statement: str) -> None:
    script = f"import adaptive_dask as adaptive\n{statement}"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_each_module_is_an_attribute_of_its_package() -> None:
    import adaptive_dask

    for package in (adaptive_dask, adaptive_dask.learner):
        for _, name, _ in pkgutil.iter_modules(package.__path__):
            if not name.startswith("_"):
                assert getattr(package, name) is importlib.import_module(f"{package.__name__}.{name}")
        with pytest.raises(AttributeError, match="no_such_module"):
            _ = package.no_such_module


def test_geometry_is_that_of_python_adaptive(rng: np.random.Generator) -> None:
    theirs = importlib.import_module("adaptive.learner.learnerND")
    ours = importlib.import_module("adaptive_dask.learner.learnerND")
    for dim in (1, 2, 3, 4):
        simplex = rng.random((dim + 1, dim))
        transform = np.diag(rng.random(dim) + 1)
        for name, arguments in {
            "volume": (simplex,),
            "orientation": (simplex,),
            "choose_point_in_simplex": (simplex,),
            "fast_det": (simplex[1:],),
        }.items():
            expected = getattr(theirs, name)(*arguments)
            np.testing.assert_allclose(getattr(ours, name)(*arguments), expected, rtol=1e-12)
        np.testing.assert_allclose(
            ours.choose_point_in_simplex(simplex, transform), theirs.choose_point_in_simplex(simplex, transform)
        )
        assert ours.volume(simplex.tolist(), ys=[0]) == ours.volume(simplex)
        center, radius = ours.circumsphere(simplex)
        np.testing.assert_allclose(np.linalg.norm(simplex - center, axis=1), radius)


@pytest.mark.parametrize("badness", [1, 2, 5, 100])
def test_a_point_in_a_triangle_is_that_of_python_adaptive(badness: float, rng: np.random.Generator) -> None:
    theirs = importlib.import_module("adaptive.learner.learner2D")
    ours = importlib.import_module("adaptive_dask.learner.learner2D")
    for _ in range(10):
        triangle = rng.random((3, 2))
        a, b, c = triangle
        if (b - a)[0] * (c - a)[1] < (b - a)[1] * (c - a)[0]:
            triangle = triangle[::-1]
        expected = theirs.choose_point_in_triangle(triangle, badness)
        np.testing.assert_allclose(ours.choose_point_in_triangle(triangle, badness), expected)


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


def test_the_arguments_of_a_run_are_the_same_everywhere() -> None:
    options = {each.name: each for each in dataclasses.fields(RunOptions)}
    assert {"goal", *RunArguments.__annotations__} == options.keys()
    assert all(
        options[name].type == RunArguments.__annotations__[name].__forward_arg__ for name in options if name != "goal"
    )
    for runner in (adaptive_dask.Runner, adaptive_dask.BlockingRunner):
        given = inspect.signature(runner).parameters
        assert not any(each.kind is each.VAR_KEYWORD for each in given.values())
        assert options.keys() < given.keys()
        for name, option in options.items():
            is_other = runner is adaptive_dask.BlockingRunner and name == "allow_running_forever"
            assert given[name].default == (False if is_other else option.default)


@pytest.mark.parametrize("start", [adaptive_dask.Runner, adaptive_dask.BlockingRunner, adaptive_dask.runner.simple])
def test_an_argument_that_does_not_exist_is_refused(start: Any) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'npoint_goal'"):
        start(adaptive_dask.Learner1D(abs, (0, 1)), npoint_goal=3)


def test_an_argument_with_a_typing_error_is_named() -> None:
    learner = adaptive_dask.Learner1D(abs, (0, 1))
    for start in (adaptive_dask.Runner, lambda learner, **given: adaptive_dask.run_many([learner], **given)):
        with pytest.raises(TypeError, match=r"A run got .* 'npoint_goal'\. Did you mean npoints_goal\?"):
            start(learner, npoint_goal=3)
