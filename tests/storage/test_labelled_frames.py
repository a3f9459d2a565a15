"""Data frames and Parquet files of results with names, and of failed points: exact round trips of every learner."""

from __future__ import annotations

import math
import pickle
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import fsspec
import numpy as np
import pandas as pd
import pytest

import adaptive_dask as adaptive
from adaptive_dask.learner import kinds
from adaptive_dask.run.failures import FailedPoint
from adaptive_dask.storage import atomic_file, urls
from adaptive_dask.storage.frame_layouts import Layout, PlainLayout
from tests.learner.test_data_saver import LockedFileSystem, secrets_of
from tests.storage.test_adaptive_files import run
from tests.storage.test_frames import through_csv


class Point(NamedTuple):
    energy: float
    field: float


def number(x: Any) -> float:
    return math.sin(3 * float(np.sum(x)))


def parts(x: Any) -> dict[str, Any]:
    """Everything that a part can be; some results lack some parts."""
    y = number(x)
    odd: dict[str, Any] = {"seldom": None if y > 0.5 else math.nan} if y > 0 else {}
    return {
        "gap": y,
        "vector": np.array([y, math.inf, -0.0]),
        "ragged": np.arange(1 + int(10 * abs(y))),
        "deeper": np.full((1,) * (1 + (y > 0)), y),
        "waves": np.full((1,) * (1 + (y > 0)), 1j),
        "matrix": np.array([[y, 1], [2, 3]], dtype="f4"),
        "complex": complex(y, -0.0),
        "amplitudes": np.array([complex(y, math.nan)]),
        "count": 3,
        "huge": 10**30,
        "flag": y > 0,
        "text": "[1, 2] µ\ud800" if y > 0.9 else "[1, 2]",
        "mixed": y if y > 0 else "none",
        "deep": {"list": [1, (2.5, None)], 3: {4}, "b": b"\x00"},
        "nothing": None,
        "nan": math.nan,
        "empty": np.zeros((0, 2)),
        "odd name (meV) ": np.float32(y),
        "x": -y,
        "seed": 1,
        "learner_index": 2,
        "function.a": 3,
        "result.gap": 4,
        **odd,
    }


def of_pair(pair: Any) -> Any:
    return parts(pair[1])


def in_space(point: Point) -> Any:
    return parts(point)


def by_name(energy: float, field: float) -> Any:
    return parts((energy, field))


def noisy_by_name(seed: int, energy: float) -> Any:
    return parts(energy + seed % 2)


SQUARE = [(-1, 1), (0, 1)]
LOG = adaptive.Log(0.1, 10.0)

INSIDE: dict[str, Callable[[], Any]] = {
    "Learner1D": lambda: adaptive.Learner1D(parts, (-1, 1)),
    "Learner2D": lambda: adaptive.Learner2D(in_space, SQUARE),
    "LearnerND": lambda: adaptive.LearnerND(parts, [*SQUARE, (0, 2)]),
    "boxes": lambda: adaptive.LearnerND(in_space, SQUARE, partition="boxes"),
    "SparseGridLearner": lambda: adaptive.SparseGridLearner(in_space, SQUARE),
    "AverageLearner": lambda: adaptive.AverageLearner(parts, atol=1e-3),
    "AverageLearner1D": lambda: adaptive.AverageLearner1D(of_pair, (-1, 1)),
    "RationalLearner1D": lambda: adaptive.RationalLearner1D(parts, (-1, 1)),
    "IntegratorLearner": lambda: adaptive.IntegratorLearner(parts, (-1, 1), tol=1e-6),
    "SequenceLearner": lambda: adaptive.SequenceLearner(parts, [0.1, 0.5, 0.9, -0.3]),
    "space": lambda: adaptive.Learner2D(by_name, adaptive.Space(energy=LOG, field=(-1, 1))),
    "space of one axis": lambda: adaptive.Learner1D(by_name, adaptive.Space(energy=LOG, field=0.5)),
    "space of samples": lambda: adaptive.AverageLearner1D(noisy_by_name, adaptive.Space(energy=LOG)),
    "SKOptLearner": lambda: adaptive.SKOptLearner(parts, dimensions=[(-1.0, 1.0)], n_initial_points=99),
}


def saver(kind: str, **options: Any) -> adaptive.DataSaver:
    return adaptive.DataSaver(INSIDE[kind](), **{"learn": "gap", **options})


def exactly(a: Any, b: Any) -> bool:
    """Equal, of the same type, with NaN equal to NaN and zeros of one sign; NumPy's scalars may be Python's."""
    if isinstance(a, np.ndarray):
        return type(b) is np.ndarray and (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
    if isinstance(a, dict):
        return type(b) is dict and set(a) == set(b) and all(exactly(a[name], b[name]) for name in a)
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(exactly, a, b))
    if isinstance(a, np.float32):
        return bool(a == b)
    if isinstance(a, complex | float):
        return type(a) is type(b) and np.array(a).tobytes() == np.array(b).tobytes()
    return type(a) is type(b) and a == b


def assert_same(learner: Any, other: Any) -> None:
    assert other.npoints == learner.npoints > 0
    data, again = dict(learner.data), dict(other.data)
    assert list(data) == list(again) or set(data) == set(again)
    for x, y in data.items():
        np.testing.assert_array_equal(again[x], y)
    if isinstance(learner, adaptive.DataSaver):
        assert len(learner.extra_data) == len(other.extra_data) > 0
        for x, result in learner.extra_data.items():
            assert exactly(result, other.extra_data[x]), x


WAYS: dict[str, Callable[[Any, Path], pd.DataFrame]] = {
    "frame": lambda learner, folder: learner.to_dataframe(),
    "pickle": lambda learner, folder: pickle.loads(pickle.dumps(learner.to_dataframe())),
    "parquet": lambda learner, folder: (
        learner.to_parquet(folder / "f.parquet"),
        pd.read_parquet(folder / "f.parquet"),
    )[1],
}


CASES = [
    *((kind, "gap", way) for kind in INSIDE for way in WAYS if way != "pickle"),
    *(("Learner1D", learn, way) for learn in ("vector", ("gap", "count"), ("gap",)) for way in WAYS),
    *((kind, ("gap", "count"), "parquet") for kind in ("LearnerND", "RationalLearner1D", "SequenceLearner")),
    ("RationalLearner1D", "complex", "parquet"),
    ("RationalLearner1D", ("gap", "complex"), "parquet"),
    ("IntegratorLearner", ("gap",), "parquet"),
]


@pytest.mark.long
@pytest.mark.parametrize(("kind", "learn", "way"), CASES)
def test_every_learner_with_named_results(kind: str, learn: Any, way: str, tmp_path: Path) -> None:
    learner = run(saver(kind, learn=learn), 6)
    df = WAYS[way](learner, tmp_path)
    assert df.attrs["output"] == (learner.learn if isinstance(learner.learn, str) else list(learner.learn))
    assert {"gap", "text", "result.function.a", "result.result.gap", "result.learner_index"} <= set(df.columns)
    other = learner.new()
    other.load_dataframe(df)
    assert_same(learner, other)


@pytest.mark.parametrize("way", WAYS)
def test_children_with_different_parts(way: str, tmp_path: Path) -> None:
    def f(x: float, a: int) -> dict[str, Any]:
        return {"y": a * x, **({"only": a * x} if a == 2 else {})}

    make = adaptive.make_datasaver(adaptive.Learner1D, learn="y")
    combos = {"a": [1, 2]}
    learner = adaptive.BalancingLearner.from_product(f, make, {"bounds": (-1, 1)}, combos)
    run(learner, 8)
    df = WAYS[way](learner, tmp_path)
    assert list(df.columns) == ["learner_index", "x", "y", "function.a", "only"]
    other = learner.new()
    other.load_dataframe(df)
    for child, again in zip(learner.learners, other.learners, strict=True):
        assert_same(child, again)


@pytest.mark.parametrize("kind", [*INSIDE, "children"])
def test_learners_without_names_and_without_points(kind: str, tmp_path: Path) -> None:
    learner = saver(kind) if kind != "children" else adaptive.BalancingLearner([saver("Learner1D"), saver("Learner1D")])
    learner.to_parquet(tmp_path / "empty.parquet")
    df = pd.read_parquet(tmp_path / "empty.parquet")
    assert len(df) == 0
    assert "gap" in df.columns
    other = learner.new()
    other.load_dataframe(df)
    assert other.npoints == 0


def complex_value(x: float) -> complex:
    return complex(x, 1 / (x**2 + 0.1))


@pytest.mark.parametrize(
    "make",
    [
        lambda: adaptive.RationalLearner1D(complex_value, (-1, 1)),
        lambda: adaptive.RationalLearner1D(lambda x: (complex_value(x), 1.0), (-1, 1)),
        lambda: adaptive.Learner1D(lambda x: [[x, 1.0], [2.0, 3.0]], (-1, 1)),
        lambda: adaptive.Learner1D(lambda x: math.nan if x > 0.5 else x, (-1, 1)),
        lambda: adaptive.SequenceLearner(lambda x: x, [None, math.nan, pd.NA, {"a": 1}, (1, 2), [3], "[1]", 2]),
        lambda: adaptive.SequenceLearner(lambda x: 1.0, [{"a": 1}, [2], np.arange(3), None]),
    ],
)
def test_values_without_names_in_parquet(make: Callable[[], Any], tmp_path: Path) -> None:
    learner = run(make(), 8)
    learner.to_parquet(tmp_path / "values")
    other = learner.new()
    other.load_dataframe(pd.read_parquet(tmp_path / "values"))
    if isinstance(learner, adaptive.SequenceLearner):
        assert [repr(y) for y in other.data.values()] == [repr(y) for y in learner.data.values() if y is not pd.NA]
    else:
        assert_same(learner, other)


@pytest.mark.parametrize(
    "value", [math.nan, None, 1.5, 2, True, "text", (1, 2.5), math.inf, {"a": 1}, pd.NA, -0.0, 1j, 10**30, [None], b""]
)
def test_default_arguments_in_parquet(value: Any, tmp_path: Path) -> None:
    def function(x: float, option: Any = value) -> float:
        return x

    learner = run(adaptive.Learner1D(function, (0, 1)), 5)
    learner.to_parquet(tmp_path / "f")
    other = learner.new()
    other.load_dataframe(pd.read_parquet(tmp_path / "f"))  # a warning would fail
    assert other.function is function
    weights = np.arange(3.0)
    array = adaptive.Learner1D(lambda x, weights=weights: x, (0, 1))
    run(array, 5).to_parquet(tmp_path / "f")
    array.new().load_dataframe(pd.read_parquet(tmp_path / "f"))


def test_other_programs_can_read_the_columns(tmp_path: Path) -> None:
    run(saver("Learner1D"), 9).to_parquet(tmp_path / "f.parquet", with_default_function_args=False)
    import pyarrow.parquet as parquet

    types = {field.name: str(field.type) for field in parquet.read_schema(tmp_path / "f.parquet")}
    assert types["x"] == types["gap"] == "double"
    assert types["vector"] == types["complex"] == "list<element: double>"
    assert types["matrix"].startswith("list<element: list<")
    assert types["text"] == types["deep"]
    assert types["text"] in ("large_string", "string")  # pandas 3, pandas 2
    assert types["flag"] == "bool"


def test_missing_parts_are_null_for_other_programs(tmp_path: Path) -> None:
    import pyarrow.parquet as parquet

    def f(x: float) -> dict[str, Any]:
        more = {"text": "a", "number": x, "count": 2, "flag": True, "huge": 2**70, "nan": math.nan, "odd": "\ud800"}
        return {"y": x, **(more if x > 0 else {})}

    learner = run(adaptive.DataSaver(adaptive.Learner1D(f, (-1, 1)), learn="y"), 9)
    learner.to_parquet(tmp_path / "f")
    table = parquet.read_table(tmp_path / "f")
    types = {field.name: str(field.type) for field in table.schema}
    assert [types[name] for name in ("number", "count", "flag")] == ["double", "int64", "bool"]
    assert table["text"].to_pylist() == [None] * 5 + ["a"] * 4
    assert table["number"].null_count == 5
    other = learner.new()
    other.load_dataframe(pd.read_parquet(tmp_path / "f"))
    assert_same(learner, other)


def test_text_files(tmp_path: Path) -> None:
    def f(energy: float, gate: float = 0.5) -> dict[str, Any]:
        return {"gap": energy**2, "levels": np.array([energy, 1 / 3]), "energy": 7}

    learner = run(adaptive.DataSaver(adaptive.Learner1D(f, (-1, 1)), learn="gap"), 9)
    df = learner.to_dataframe()
    assert list(df.columns) == ["energy", "gap", "levels", "result.energy", "function.gate"]
    other = learner.new()
    other.load_dataframe(through_csv(df))
    assert_same(learner, other)


def test_a_frame_without_the_learned_part() -> None:
    learner = run(saver("Learner1D"), 5)
    df = learner.to_dataframe()
    other = learner.new()
    for wrong in (df.drop(columns="gap"), df.assign(gap=None), df.assign(gap="text")):
        with pytest.raises((ValueError, TypeError)):
            other.load_dataframe(wrong)
    assert other.npoints == 0
    with pytest.raises(TypeError, match="got 'y_name'"):
        learner.to_dataframe(y_name="y")


def test_means_and_values_that_were_told_without_results() -> None:
    learner = run(saver("AverageLearner1D"), 20)
    df = learner.to_dataframe(mean=True)
    assert list(df.columns)[:4] == ["x", "gap", "error", "count"]
    assert dict(zip(df["x"], df["gap"], strict=True)) == dict(learner.data)
    bare = saver("Learner1D")
    bare.learner.tell(0.5, 2.0)
    pair = saver("Learner1D", learn=["gap", "count"])
    pair.learner.tell(0.5, [2.0, 3.0])
    assert bare.to_dataframe()["gap"].tolist() == [2.0]
    assert pair.to_dataframe()[["gap", "count"]].iloc[0].tolist() == [2.0, 3.0]
    again = pair.new()
    again.load_dataframe(pair.to_dataframe())
    np.testing.assert_array_equal(again.data[0.5], [2, 3])


@pytest.mark.parametrize("learn", ["gap", None])
def test_results_that_are_elsewhere(learn: str | None, tmp_path: Path) -> None:
    options: dict[str, Any] = {"extra": "cluster", "target": str(tmp_path / "results")}
    picker = {"learn": learn} if learn else {"arg_picker": lambda result: result["gap"], "learn": None}
    learner = run(saver("Learner1D", **picker, **options), 5)
    learner.to_parquet(tmp_path / "f")
    other = learner.new()
    other.load_dataframe(pd.read_parquet(tmp_path / "f"))
    assert dict(other.data) == dict(learner.data)
    assert other.extra_data == learner.extra_data
    loaded = learner.to_dataframe(load_extra=True)
    if learn:
        assert "vector" in loaded.columns
        assert "extra_data" not in loaded.columns
    else:
        assert exactly(loaded["extra_data"][0], parts(loaded["x"][0]))


def test_how_long_and_where(tmp_path: Path) -> None:
    learner = run(saver("Learner2D", evaluation=True), 9)
    df = WAYS["parquet"](learner, tmp_path)
    assert (df["evaluation.seconds"] > 0).all()
    assert df["evaluation.where"].str.startswith("process").all()
    other = learner.new()
    other.load_dataframe(df)
    assert_same(learner, other)


# -- failed points


def fails_left(x: float) -> dict[str, float]:
    if x < 0:
        raise ValueError("no\nconvergence")
    return {"gap": x, "width": 1.0}


def test_failed_points_have_rows(tmp_path: Path) -> None:
    learner = adaptive.DataSaver(adaptive.Learner1D(fails_left, (-1, 1)), learn="gap")
    with ThreadPoolExecutor(1) as executor:
        runner = adaptive.BlockingRunner(learner, npoints_goal=9, executor=executor, on_error="skip")
    runner.learner.to_parquet(tmp_path / "f", failures=runner.failures)
    df = pd.read_parquet(tmp_path / "f")
    assert len(df) == 9 + len(runner.failures)
    failed = df[df["failure.status"] == "failed"]
    assert sorted(failed["x"]) == sorted(each.point for each in runner.failures)
    assert failed["gap"].isna().all()
    assert set(failed["failure.error"]) == {"convergence"}
    assert df["gap"].dtype == float
    assert (df[df["failure.status"] == "known"]["failure.tries"] == 0).all()
    other = learner.new()
    other.load_dataframe(df)
    assert_same(learner, other)


@pytest.mark.parametrize("kind", INSIDE)
def test_failures_of_every_learner(kind: str, tmp_path: Path) -> None:
    learner = run(saver(kind), 4)
    points = learner.ask(2)[0] or [(0, 0.1)]
    failures = [FailedPoint(i, x, "failed", 1, "Error", None) for i, x in enumerate(points)]
    learner.to_parquet(tmp_path / "f", failures=failures)
    df = pd.read_parquet(tmp_path / "f")
    other = learner.new()
    other.load_dataframe(df)
    assert_same(learner, other)
    several = adaptive.BalancingLearner([learner, learner.new()])
    of_children = [FailedPoint(i, (1, x), "retrying", 1, "Error", "tcp://w") for i, x in enumerate(points)]
    df = several.to_dataframe(failures=of_children)
    assert (df["learner_index"] == 1).sum() == len(points)


@pytest.mark.parametrize("kind", [float, np.float64, np.float32])
def test_numbers_stay_numbers_beside_failures(kind: Any) -> None:
    learner = adaptive.DataSaver(adaptive.Learner1D(lambda x: {"y": kind(x), "n": 3}, (0, 1)), learn="y")
    df = run(learner, 4).to_dataframe(failures=[FailedPoint(0, 0.7, "failed", 1, "")])
    assert df["y"].dtype == kind
    assert df["y"].isna().tolist() == df["n"].isna().tolist() == [False] * 4 + [True]


def test_replaced_points_and_wrong_failures() -> None:
    learner = run(adaptive.Learner1D(number, (-1, 1)), 3)
    df = learner.to_dataframe(
        failures=[FailedPoint(0, -1.0, "replaced", 2, "A\nB: c\n", "w"), FailedPoint(1, 0.0, "failed", 1, "")]
    )
    assert df["failure.status"].tolist() == ["replaced", "known", "known"]
    assert df["failure.error"].tolist() == ["B: c", "", ""]
    for wrong in (3, [1], "text"):
        with pytest.raises(TypeError, match=r"runner\.failures"):
            learner.to_dataframe(failures=wrong)

    class Mine(adaptive.Learner1D):
        pass

    class Bare(PlainLayout):
        inputs = Layout.inputs

    kinds.register(Mine, layout=Bare([("x_name", "x")], ("y_name", "y")))
    with pytest.raises(TypeError, match="must have a method inputs"):
        Mine(number, (-1, 1)).to_dataframe(failures=[])


# -- files


def test_what_cannot_be_written_says_where(tmp_path: Path) -> None:
    learner = adaptive.DataSaver(adaptive.Learner1D(lambda x: {"y": x, "money": Decimal(1)}, (-1, 1)), learn="y")
    with pytest.raises(TypeError, match=r"column 'money'.*decimal\.Decimal"):
        run(learner, 3).to_parquet(tmp_path / "f")
    assert not list(tmp_path.iterdir())

    def f(x: float, g: Any = number) -> float:
        return x

    with pytest.raises(TypeError, match="with_default_function_args=False"):
        run(adaptive.Learner1D(f, (-1, 1)), 3).to_parquet(tmp_path / "f")
    run(adaptive.Learner1D(f, (-1, 1)), 3).to_parquet(tmp_path / "f", with_default_function_args=False)


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    learner = run(saver("Learner1D"), 5)
    memory = fsspec.filesystem("memory")
    places = [str(tmp_path / "f"), "memory://folder/f"]
    for place in places:
        learner.to_parquet(place)
    run(learner, 9)

    def interrupt(*args: Any, **kwargs: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(atomic_file.os, "replace", interrupt)
    monkeypatch.setattr(type(memory), "mv", interrupt)
    for place in places:
        with pytest.raises(KeyboardInterrupt):
            learner.to_parquet(place)
        assert len(pd.read_parquet(place)) == 5
    assert [path.name for path in tmp_path.iterdir()] == ["f"]
    assert memory.ls("/folder", detail=False) == ["/folder/f"]
    memory.rm("/folder", recursive=True)


def test_errors_have_no_secrets() -> None:
    assert LockedFileSystem.protocol == "locked"
    learner = run(saver("Learner1D"), 3)
    with pytest.raises(PermissionError) as raised:
        learner.to_parquet("locked://me:secret-word@host/f", storage_options={"key": "wrong-secret-key"})
    assert not secrets_of(raised.value)
    assert raised.value.__cause__ is None
    learner.to_parquet("locked://me:secret-word@host/f", storage_options={"key": "secret-key"})
    for wrong in (b"bytes", 3):
        with pytest.raises(TypeError):
            urls.write_file(wrong, b"")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="empty"):
        urls.write_file("", b"")


def test_without_pyarrow_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r"adaptive_dask\[data\]"):
        adaptive.Learner1D(number, (-1, 1)).to_parquet(tmp_path / "f")


def test_checkpoints_and_running_runs(tmp_path: Path) -> None:
    def f(x: float) -> dict[str, Any]:
        return {"gap": x**2, "levels": np.array([x, 2 * x])}

    learner = adaptive.DataSaver(adaptive.Learner1D(f, (-1, 1)), learn="gap", evaluation=True)
    with ThreadPoolExecutor(2) as executor:
        runner = adaptive.Runner(learner, executor=executor, npoints_goal=10**6)
        while runner.learner.npoints < 20:
            runner.wait(0.01)
        runner.learner.to_parquet(tmp_path / "running")
        saving = runner.start_periodic_saving(interval=60, method=lambda copy: copy.to_parquet(tmp_path / "copy"))
        runner.cancel()
        saving.join(30)
    assert saving.error is None
    assert len(pd.read_parquet(tmp_path / "running")) >= 20
    other = learner.new()
    other.load_dataframe(pd.read_parquet(tmp_path / "copy"))
    assert_same(runner.learner, other)
