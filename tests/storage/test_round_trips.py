"""Every learner over every kind of axis, with and without named results: all ways to keep its data are exact."""

from __future__ import annotations

import inspect
import math
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from operator import itemgetter
from pathlib import Path
from typing import Annotated, Any

import cloudpickle
import numpy as np
import pandas as pd
import pytest
import xarray as xr

import adaptive_dask as adaptive
from adaptive_dask import Categories, Fixed, Int, Linear, Log, Periodic, Space
from adaptive_dask.learner.axes.door import TAKES
from adaptive_dask.learner.axes.keyword_function import SAMPLE
from adaptive_dask.run.failures import FailedPoint
from tests.storage.test_adaptive_files import run
from tests.storage.test_frames import through_csv
from tests.storage.test_labelled_frames import exactly

AXES: dict[type, Any] = {
    Linear: (-1.0, 2.0),
    Log: Log(0.3, 3e4, unit="meV", label="photon energy"),
    Int: Int(-3, 2000),
    Periodic: Periodic(0.1, 360.0, unit="°"),
    Fixed: Fixed((0, 0, 1)),
    Categories: ["Si", "GaAs"],
}

# What a function returns, and what a DataSaver with learn= learns of that.
RESULTS: dict[str, Any] = {"plain": None, "named": "gap", "named vector": ("gap", "width")}


def value(arguments: dict[str, Any]) -> float:
    inputs = [x for x in arguments.values() if isinstance(x, int | float)]
    return math.sin(sum(x / (3 + k + abs(x)) for k, x in enumerate(inputs)) + 1 / 3)


class Function:
    """A function of arguments with these names."""

    def __init__(self, names: list[str], is_named: bool) -> None:
        self.is_named = is_named
        self.__name__ = "function"
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        self.__signature__ = inspect.Signature([inspect.Parameter(name, kind) for name in names])

    def __call__(self, /, **arguments: Any) -> Any:
        y = value(arguments)
        if not self.is_named:
            return y
        return {
            "a": -y,
            "gap": y,
            "width": -0.0 if y > 0.5 else 1 / 3,
            "levels": np.array([y, math.nan]),
            "state": "converged µ" if y > 0 else None,
            "amplitude": complex(y, -0.0),
            **({"seldom": 10**30} if y > 0.3 else {}),
            "ε": y > 0,
        }


class Positional(Function):
    """The same of one argument, which may be any."""

    def __init__(self, is_named: bool) -> None:
        super().__init__(["x"], is_named)

    def __call__(self, x: Any) -> Any:
        return super().__call__(**{f"x{k}": each for k, each in enumerate(x if isinstance(x, tuple) else [x])})


def make(learner: str, axis: type, results: str) -> Any:
    """A learner over a space that has an axis of that kind, or a learner that takes none."""
    is_named = results != "plain"
    if learner in OTHERS:
        made = OTHERS[learner](is_named)
    else:
        takes = TAKES[learner]
        ndim = takes.ndim or 2
        others = [AXES[takes.axes[k % len(takes.axes)]] for k in range(ndim)]
        axes = dict(zip("abc", [AXES[axis], *others], strict=False))
        if axis in takes.axes:
            axes.popitem()
        names = [*(["seed"] if takes.form == SAMPLE else []), *axes]
        made = getattr(adaptive, learner)(Function(names, is_named), Space(axes), **OPTIONS.get(learner, {}))
    return adaptive.DataSaver(made, learn=RESULTS[results]) if is_named else made


def of_pair(pair: tuple[int, float]) -> float:
    return pair[1]


OPTIONS: dict[str, dict[str, Any]] = {
    "SKOptLearner": {"n_initial_points": 99, "random_state": 0},
    "IntegratorLearner": {"tol": 1e-6},
}

OTHERS: dict[str, Callable[[bool], Any]] = {
    "SequenceLearner": lambda is_named: adaptive.SequenceLearner(
        Positional(is_named), [0.1, 2, True, "text", None, (1, 2.5), {"a": math.nan}, [3], 2**70, -0.0, b"", 1j]
    ),
    "AverageLearner": lambda is_named: adaptive.AverageLearner(Positional(is_named), atol=1e-3),
    "LearnerND, 1-D": lambda is_named: adaptive.LearnerND(Positional(is_named), [(-1, 1)]),
    "SparseGridLearner, 1-D": lambda is_named: adaptive.SparseGridLearner(Positional(is_named), [(-1, 1)]),
    "nested": lambda is_named: adaptive.BalancingLearner(
        [
            adaptive.BalancingLearner([adaptive.Learner1D(Positional(is_named), (-1, k + n)) for k in (1, 2)])
            for n in (0, 1)
        ]
    ),
}

VECTORS = ("Learner1D", "Learner2D", "LearnerND", "RationalLearner1D", "SparseGridLearner")

CASES = [
    pytest.param(
        learner, axis, results, marks=[pytest.mark.long] if results != "named" or learner == "SKOptLearner" else []
    )
    for learner, axes in {**{name: takes.axes for name, takes in TAKES.items()}, **dict.fromkeys(OTHERS, ())}.items()
    for axis in (*axes, Fixed, Categories)
    for results in RESULTS
    if results != "named vector" or learner in VECTORS
    if learner not in OTHERS or axis is Fixed
]


def contents(learner: Any) -> Any:
    """All that a learner was told, by point."""
    if isinstance(learner, adaptive.DataSaver):
        return contents(learner.learner), dict(learner.extra_data)
    if isinstance(learner, adaptive.BalancingLearner):
        return [contents(child) for child in learner.learners]
    samples = getattr(learner, "_data_samples", None)
    data = dict(learner.data)
    return data if samples is None else (data, {x: dict(ys) for x, ys in samples.items()})


def same(a: Any, b: Any) -> bool:
    """`exactly`, of the keys as well."""
    if isinstance(a, dict):
        kinds = {x: repr(x) for x in a}
        return kinds == {x: repr(x) for x in b} and all(same(a[x], b[x]) for x in a)
    if isinstance(a, tuple | list):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return exactly(a, b)


def loaded(learner: Any, table: Any) -> Any:
    other = learner.new()
    other.load_dataframe(table)
    return other


def of_parquet(learner: Any, folder: Path) -> Any:
    learner.to_parquet(folder / "f.parquet")
    return loaded(learner, pd.read_parquet(folder / "f.parquet"))


def of_zarr(learner: Any, folder: Path) -> Any:
    learner.to_zarr(folder / "a.zarr")
    with xr.open_zarr(folder / "a.zarr", consolidated=False) as dataset:
        return loaded(learner, dataset)


def of_file(learner: Any, folder: Path) -> Any:
    learner.save(folder / "learner")
    other = learner.new()
    other.load(folder / "learner")
    return other


def of_checkpoint(learner: Any, folder: Path) -> Any:
    """The learner of a checkpoint, which another run continues."""
    with ThreadPoolExecutor(1) as executor:
        adaptive.BlockingRunner(learner, npoints_goal=0, executor=executor, checkpoint=folder / "checkpoint")
        resumed = adaptive.BlockingRunner(
            learner.new(), npoints_goal=0, executor=executor, checkpoint=folder / "checkpoint"
        )
    loaded = adaptive.load(folder / "checkpoint")
    assert same(contents(loaded), contents(resumed.learner))
    return loaded


TABLES: dict[str, Callable[[Any, Path], Any]] = {
    "frame": lambda learner, folder: loaded(learner, learner.to_dataframe()),
    "parquet": of_parquet,
    "xarray": lambda learner, folder: loaded(learner, learner.to_xarray()),
    "zarr": of_zarr,
}

COPIES: dict[str, Callable[[Any, Path], Any]] = {
    "file": of_file,
    "pickle": lambda learner, folder: pickle.loads(cloudpickle.dumps(learner)),
    "checkpoint": of_checkpoint,
}


@pytest.mark.long
@pytest.mark.parametrize(("learner", "axis", "results"), CASES)
def test_everything_is_exact(learner: str, axis: type, results: str, tmp_path: Path) -> None:
    known = run(make(learner, axis, results), 11)
    assert known.npoints >= 11
    everything = contents(known)
    for name, way in {**TABLES, **COPIES}.items():
        other = way(known, tmp_path)
        assert other.npoints == known.npoints, name
        assert same(contents(other), everything), name
        if name in COPIES:  # tables have points in another order, which some losses depend on
            assert other.loss() == known.loss(), name


def test_every_axis_is_taken_by_a_learner() -> None:
    assert set(AXES) == {Fixed, Categories, *(axis for takes in TAKES.values() for axis in takes.axes)}


# Names that tables use for columns, variables and dimensions besides those of the function.
NAMES = [
    *(
        "infeasible",
        "infeasible_",
        "learner_index",
        "learner_index_",
        "learner_index_2",
        "extra_data",
        "point",
        "point_",
    ),
    *("error", "count", "i", "x", "y", "z", "value", "value1", "value_component", "feasibility", "gap", "gap_error"),
    *(
        "y_error",
        "value_error",
        "result",
        "function",
        "failure",
        "evaluation",
        "index",
        "where",
        "duration",
        "uncertainty",
    ),
    *("name", "self", "parts", "inputs", "output"),
]


class Gaps(Function):
    """A function without a value at some points, whose results have parts with the names of tables."""

    def __call__(self, /, *point: Any, **arguments: Any) -> Any:
        y = value(arguments or {f"x{k}": x for k, x in enumerate(np.ravel(point).tolist())})
        if y > 0.5:
            raise adaptive.Infeasible("too large")
        parts = {name: [y, name] for name in (*NAMES, "seed", "result.gap", "failure.error", "function.a")}
        return {**parts, "gap": y} if self.is_named else y


def over(axis: str, others: dict[str, Any] | None = None, learner: str = "Learner1D", is_named: bool = False) -> Any:
    axes = {axis: (0, 2), **(others or {})}
    names = [*(["seed"] if learner == "AverageLearner1D" else []), *axes]
    return getattr(adaptive, learner)(Gaps(names, is_named), Space(axes))


def with_arguments(names: tuple[str, ...], make: Any, *args: Any) -> Any:
    def function(point: Any) -> float:
        return float(Gaps([], False)(point))

    function.__annotations__["point"] = Annotated[tuple[(float,) * len(names)], *names]
    return make(function, *args)


NAMED: dict[str, Callable[[str], Any]] = {
    "axis": over,
    "fixed": lambda name: over("a", {name: 0.5}),
    "other axis": lambda name: over("a", {name: (0.1, 1)}, "Learner2D"),
    "category": lambda name: over("a", {name: ["b", "c"]}),
    "axis and category": lambda name: over(name, {"a": ["b", "c"]}),
    "samples": lambda name: over(name, learner="AverageLearner1D"),
    "parts": lambda name: adaptive.DataSaver(over(name, is_named=True), learn="gap"),
    "parts and fixed": lambda name: adaptive.DataSaver(over("a", {name: 0.5}, is_named=True), learn="gap"),
    "parts and category": lambda name: adaptive.DataSaver(over("a", {name: ["b", "c"]}, is_named=True), learn="gap"),
    "results": lambda name: adaptive.DataSaver(over(name, is_named=True), arg_picker=itemgetter("gap")),
    "argument": lambda name: adaptive.Learner1D(Gaps([name], False), (0, 2)),
    "arguments": lambda name: with_arguments((name, "a"), adaptive.LearnerND, [(0, 2), (0, 2)]),
    "children": lambda name: adaptive.BalancingLearner([adaptive.BalancingLearner([over(name), over(name)])]),
}


@pytest.mark.long
@pytest.mark.parametrize("kind", NAMED)
def test_arguments_may_have_the_name_of_any_column(kind: str, tmp_path: Path) -> None:
    for name in NAMES:
        learner = told(NAMED[kind](name), 12)
        everything = contents(learner)
        in_stores = name in ("learner_index", "point", "feasibility", "gap_error")  # which are slow
        for way in TABLES if in_stores else ("frame", "parquet", "xarray"):
            other = TABLES[way](learner, tmp_path)
            assert same(contents(other), everything), (name, way)
            assert infeasible(other) == infeasible(learner), (name, way)
        if kind not in (
            "parts",
            "parts and fixed",
            "parts and category",
            "results",
        ):  # parts that are lists become text
            other = loaded(learner, through_csv(learner.to_dataframe()))
            assert same(contents(other), everything), (name, "csv")
            assert infeasible(other) == infeasible(learner), (name, "csv")
        point = learner.ask(1)[0][0]
        df = learner.to_dataframe(failures=[FailedPoint(0, point, "failed", 1, "")])
        assert len(df) == len(learner.to_dataframe()) + 1
        assert len(df.columns) == len({*df.columns})
        if kind == "samples":
            assert len(learner.to_dataframe(mean=True).columns) == 4
            continue
        grid = learner.to_xarray(3)
        if in_stores:
            learner.to_zarr(tmp_path / "grid", 3)
            with xr.open_zarr(tmp_path / "grid", consolidated=False) as again:
                assert {*again.variables} == {*grid.variables}
        if "axis" in kind or "category" in kind or "fixed" in kind:
            assert name in grid.coords, name


@pytest.mark.parametrize("name", ["function.a", "failure.status", "result.gap"])
def test_prefixes_of_other_columns_are_no_names(name: str) -> None:
    learner = told(with_arguments((name, "a"), adaptive.LearnerND, [(0, 2), (0, 2)]), 12)
    assert list(learner.to_dataframe().columns)[:3] == ["x", "y", "value"]
    for options in ({"value_name": name}, {"point_names": ("x", name)}):
        with pytest.raises(ValueError, match="must not begin with 'result\\.' or"):
            learner.to_dataframe(**options)


def told(learner: Any, n: int) -> Any:
    while learner.npoints < n:
        (x,), _ = learner.ask(1)
        try:
            y = learner.function(x)
        except adaptive.Infeasible as error:
            y = error if not isinstance(getattr(learner, "learner", None), adaptive.AverageLearner1D) else 1.0
        learner.tell(x, y)
    return learner


def infeasible(learner: Any) -> dict[Any, str]:
    return dict(getattr(learner, "infeasible", {}))
