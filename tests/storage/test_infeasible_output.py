"""Data frames, files, grids and checkpoints of functions that have no value at some points."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from pandas._libs.parsers import STR_NA_VALUES

import adaptive_dask as adaptive
from adaptive_dask import Infeasible, Int, Log, Periodic, Space
from adaptive_dask.learner.infeasible_points import ReasonsLearner
from tests.storage.test_frames import through_csv
from tests.storage.test_round_trips import contents, same


def line(x: float) -> float:
    if x > 0.3:
        raise Infeasible("too large" if x > 0.6 else "")
    return x


def named(point: tuple[float, float]) -> dict[str, Any]:
    x, y = point
    if x + y > 0.5:
        raise Infeasible("did not converge")
    return {"gap": x, "n": 3, "infeasible": True, "width": 1 / 3, "state": "µ"}


def plane(point: tuple[float, float]) -> float:
    return float(named(point)["gap"])


def in_space(x: float, y: float, material: str = "Si") -> dict[str, Any]:
    return named((x, y))


def value_in_space(x: float, y: float) -> float:
    return plane((x, y))


SQUARE = [(-1, 1), (-1, 1)]

LEARNERS: dict[str, Callable[[], Any]] = {
    "Learner1D": lambda: adaptive.Learner1D(line, (-1, 1)),
    "Learner1D, periodic": lambda: adaptive.Learner1D(line, Space(x=Periodic(-1, 1))),
    "Learner2D": lambda: adaptive.Learner2D(plane, SQUARE),
    "Learner2D, named": lambda: adaptive.DataSaver(
        adaptive.Learner2D(in_space, Space(x=Log(0.1, 1), y=(-1, 1))), learn="gap"
    ),
    "LearnerND": lambda: adaptive.LearnerND(plane, SQUARE),
    "LearnerND, named": lambda: adaptive.DataSaver(adaptive.LearnerND(named, SQUARE), learn="gap"),
    "LearnerND, vectors": lambda: adaptive.DataSaver(adaptive.LearnerND(named, SQUARE), learn=("gap", "width")),
    "LearnerND, whole numbers": lambda: adaptive.LearnerND(value_in_space, Space(x=(-1, 1), y=Int(-3, 3))),
    "boxes": lambda: adaptive.DataSaver(adaptive.LearnerND(named, SQUARE, partition="boxes"), learn="gap"),
    "SequenceLearner": lambda: adaptive.SequenceLearner(line, [0, 0.1, 0.5, 0.7]),
    "categories": lambda: adaptive.DataSaver(
        adaptive.LearnerND(in_space, Space(x=(-1, 1), y=(-1, 1), material=["Si", "GaAs"])), learn="gap"
    ),
    "children": lambda: adaptive.BalancingLearner(
        [adaptive.Learner1D(line, (-1, 1)), adaptive.Learner1D(lambda x: x, (-1, 1))]
    ),
}


def run(learner: Any, n: int = 30) -> Any:
    while learner.npoints < n:
        points, _ = learner.ask(1)
        if not points:
            break
        for x in points:
            try:
                y = learner.function(x)
            except Infeasible as infeasible:
                y = infeasible
            learner.tell(x, y)
    return learner


def of_file(learner: Any, folder: Path) -> Any:
    learner.save(folder / "learner")
    other = learner.new()
    other.load(folder / "learner")
    return other


def of_parquet(learner: Any, folder: Path) -> Any:
    learner.to_parquet(folder / "f")
    return loaded(learner, pd.read_parquet(folder / "f"))


def of_zarr(learner: Any, folder: Path) -> Any:
    learner.to_zarr(folder / "a")
    with xr.open_zarr(folder / "a", consolidated=False) as dataset:
        return loaded(learner, dataset)


def loaded(learner: Any, table: Any) -> Any:
    other = learner.new()
    other.load_dataframe(table)
    return other


WAYS: dict[str, Callable[[Any, Path], Any]] = {
    "frame": lambda learner, folder: loaded(learner, learner.to_dataframe()),
    "parquet": of_parquet,
    "xarray": lambda learner, folder: loaded(learner, learner.to_xarray()),
    "zarr": of_zarr,
    "file": of_file,
    "pickle": lambda learner, folder: pickle.loads(pickle.dumps(learner)),
}


@pytest.mark.long
@pytest.mark.parametrize("kind", LEARNERS)
def test_reasons_are_kept(kind: str, tmp_path: Path) -> None:
    learner = run(LEARNERS[kind]())
    assert 0 < len(learner.infeasible) < learner.npoints
    everything = contents(learner)
    for name, way in WAYS.items():
        if (kind, name) == ("children", "pickle"):
            continue
        other = way(learner, tmp_path)
        assert dict(other.infeasible) == dict(learner.infeasible), name
        assert other.npoints == learner.npoints, name
        assert same(contents(other), everything), name


@pytest.mark.parametrize("kind", LEARNERS)
def test_columns_and_text_files(kind: str) -> None:
    learner = run(LEARNERS[kind]())
    df = learner.to_dataframe()
    assert list(df.columns).count("infeasible") == 1
    assert len(df) == learner.npoints
    assert sorted(df["infeasible"][df["infeasible"] != ""]) == sorted(learner.infeasible.values())
    value = df.attrs["output"] if isinstance(df.attrs["output"], str) else df.attrs["output"][0]
    assert df[value].isna().tolist() == (df["infeasible"] != "").tolist()
    if kind != "SequenceLearner":
        assert df[value].dtype == float
    other = loaded(learner, through_csv(df))
    assert dict(other.infeasible) == dict(learner.infeasible)
    for x, y in learner.data.items():
        np.testing.assert_array_equal(other.data[x], y)


def failing_with_a_code(x: float) -> float:
    if x > 0.5:
        raise Infeasible(3)
    return x


def test_reasons_that_are_no_words_in_text_files() -> None:
    codes = run(adaptive.Learner1D(failing_with_a_code, (0, 1)))
    nans = run(adaptive.Learner1D(lambda x: [np.nan if x > 0.5 else x, 1.0], (0, 1), nan="infeasible"))
    named = run(adaptive.DataSaver(nans.new(), lambda result: result))
    for learner in (codes, nans, named):
        other = loaded(learner, through_csv(learner.to_dataframe()))
        assert dict(other.infeasible) == dict(learner.infeasible) != {}


WORDS = ["None", "NA", "nan", "3", "3.0", "1e5", "0.1", "True", "true", "'None'", "' '", " None ", 'a\n,"b"', "\ud800"]


@pytest.mark.parametrize("words", [WORDS, *([word] for word in [*WORDS, *sorted(STR_NA_VALUES)])])
def test_every_reason_survives_a_text_file(words: list[str], tmp_path: Path) -> None:
    learner = adaptive.Learner1D(line, (0, 100))
    learner.tell_many(range(100), [*map(Infeasible, words), *[0.5] * (100 - len(words))])
    learner.to_dataframe().to_csv(tmp_path / "f.csv", index=False)
    for options in ({}, {"keep_default_na": False, "na_values": [""]}, {"dtype_backend": "numpy_nullable"}):
        other = loaded(learner, pd.read_csv(tmp_path / "f.csv", **options))
        assert dict(other.infeasible) == dict(learner.infeasible)
        assert list(other.infeasible.values()) == [Infeasible(word).reason for word in words]
    df = learner.to_dataframe()
    assert [bool(reason) for reason in df["infeasible"]] == [float(x) in learner.infeasible for x in df["x"]]


@pytest.mark.parametrize("kind", sorted(LEARNERS.keys() - {"SequenceLearner"}))
def test_grids_have_the_feasibility(kind: str) -> None:
    learner = run(LEARNERS[kind]())
    dataset = learner.to_xarray(9)
    lazy = learner.to_xarray(9, chunks=4)
    name = next(iter(dataset.data_vars))
    share, value = dataset["feasibility"], dataset[name]
    assert share.sizes == value.sizes
    assert ((share >= 0) & (share <= 1) | share.isnull()).all()
    assert not (value.notnull() & (share < 0.5)).any()
    assert (value.isnull() == ~(share >= 0.5)).mean() > 0.9  # the border may be between
    assert (share == 0).any()
    assert (share == 1).any()
    xr.testing.assert_allclose(lazy.compute(scheduler="sync"), dataset, rtol=1e-12)
    assert "feasibility" not in learner.new().to_dataframe().columns


def test_every_learner_that_is_told_infeasible_is_here() -> None:
    made = {type(part) for make in LEARNERS.values() for part in _parts(make())}
    for kind in ("Learner1D", "Learner2D", "LearnerND", "SequenceLearner", "RationalLearner1D", "SparseGridLearner"):
        one = getattr(adaptive, kind)
        assert (one in made) == issubclass(one, ReasonsLearner), kind


def _parts(learner: Any) -> list[Any]:
    inside = vars(learner).get("learner")
    children = vars(learner).get("learners") or ([inside] if inside is not None else [])
    return [learner, *(part for child in children for part in _parts(child))]


def test_running_runs_and_checkpoints(tmp_path: Path) -> None:
    learner = LEARNERS["Learner2D, named"]()
    with ThreadPoolExecutor(1) as executor:
        runner = adaptive.Runner(learner, executor=executor, npoints_goal=10**6, checkpoint=tmp_path / "checkpoint")
        while not runner.learner.infeasible or runner.learner.npoints < 20:
            runner.wait(0.01)
        during = runner.learner.to_dataframe(failures=runner.failures)
        assert "did not converge" in set(during["infeasible"])
        runner.cancel()
        runner.wait(30)
    known = runner.learner
    saved = adaptive.load(tmp_path / "checkpoint")
    assert dict(saved.infeasible) == dict(known.infeasible)
    saved.to_parquet(tmp_path / "f")
    again = loaded(known, pd.read_parquet(tmp_path / "f"))
    assert dict(again.infeasible) == dict(known.infeasible)


def test_forgotten_failures_and_nothing_else() -> None:
    learner = run(LEARNERS["LearnerND, named"]())
    learner.forget_failures()
    assert "infeasible" not in learner.to_dataframe().columns
    only = adaptive.DataSaver(adaptive.LearnerND(named, SQUARE), learn=("gap", "width"))
    only.tell((1.0, 1.0), Infeasible("no"))
    df = only.to_dataframe()
    assert df["infeasible"].tolist() == ["no"]
    assert dict(loaded(only, df).infeasible) == {(1.0, 1.0): "no"}
