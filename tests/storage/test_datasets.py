"""Datasets of xarray and Zarr stores: interpolation on grids, and exact round trips of the evaluated points."""

from __future__ import annotations

import dataclasses
import math
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import dask
import fsspec
import numpy as np
import pandas as pd
import pytest
import scipy.stats
import xarray as xr

import adaptive_dask as adaptive
from adaptive_dask.storage import zarr_store
from adaptive_dask.storage.json_cells import from_json
from tests.learner.test_data_saver import secrets_of
from tests.storage.test_adaptive_files import run
from tests.storage.test_labelled_frames import INSIDE, assert_same, saver


class Point(NamedTuple):
    energy: Annotated[float, "eV"]
    field: Annotated[float, "T"]


@dataclasses.dataclass
class Result:
    gap: Annotated[float, "meV"]
    width: float
    levels: Annotated[Any, "meV"]


def of_point(point: Point) -> Result:
    energy, field = point
    return Result(energy**2 + field, energy, np.array([energy, field, 1.0]))


def curve(x: float) -> float:
    return x + 0.01 / (0.01 + x**2)


def plane(xy: Any) -> float:
    return float(np.sum(np.square(xy)))


PLANE = [(-1, 1), (0, 2)]

GRIDS: dict[str, Callable[[], Any]] = {
    "Learner1D": lambda: adaptive.Learner1D(curve, (-1, 1)),
    "vectors": lambda: adaptive.Learner1D(lambda x: [[x, 1.0], [x**2, 2.0]], (-1, 1)),
    "Learner2D": lambda: adaptive.Learner2D(plane, PLANE),
    "LearnerND": lambda: adaptive.LearnerND(plane, [*PLANE, (1, 2)]),
    "LearnerND in 1-D": lambda: adaptive.LearnerND(plane, [(-1, 1)]),
    "hull": lambda: adaptive.LearnerND(plane, scipy.spatial.ConvexHull([(0, 0), (1, 0), (0, 1)])),
    "SparseGridLearner": lambda: adaptive.SparseGridLearner(plane, PLANE),
    "SparseGridLearner in 1-D": lambda: adaptive.SparseGridLearner(plane, [(-1, 1)]),
    "distributions": lambda: adaptive.SparseGridLearner(plane, [scipy.stats.norm(), scipy.stats.uniform(1, 2)]),
    "AverageLearner1D": lambda: adaptive.AverageLearner1D(lambda pair: pair[1] + pair[0] % 2, (-1, 1)),
    "IntegratorLearner": lambda: adaptive.IntegratorLearner(curve, (-1, 1), tol=1e-3),
    "RationalLearner1D": lambda: adaptive.RationalLearner1D(lambda x: 1 / (x + 0.3j), (-1, 1)),
}


@pytest.mark.parametrize("kind", GRIDS)
def test_values_are_those_of_the_interpolator(kind: str, tmp_path: Path) -> None:
    learner = run(GRIDS[kind](), 12)
    dataset = learner.to_xarray(4)
    axes = [dataset[name].values for name in dataset.dims if not str(name).endswith(("component_0", "component_1"))]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    points = grid.reshape(-1, len(axes))
    if kind in ("Learner1D", "vectors", "AverageLearner1D", "IntegratorLearner", "RationalLearner1D"):
        points = points[:, 0]
    interpolator = learner.interpolator()
    name = next(iter(dataset.data_vars))
    expected = np.asarray(interpolator(points))
    shape = (*grid.shape[:-1], *expected.shape[1:])
    np.testing.assert_array_equal(dataset[name].values, expected.reshape(shape))
    np.testing.assert_array_equal(
        dataset[f"{name}_error"].values, np.asarray(interpolator.error(points)).reshape(shape)
    )
    assert dataset[name].dtype == expected.dtype
    assert all(len(axis) == 4 and np.isfinite(axis).all() for axis in axes)
    lazy = learner.to_xarray(4, chunks=3)
    assert dask.is_dask_collection(lazy)
    # A product of matrices rounds differently for another number of rows.
    xr.testing.assert_allclose(lazy.compute(scheduler="sync"), dataset, rtol=1e-12)
    assert lazy[name].attrs == dataset[name].attrs
    if kind in ("vectors", "RationalLearner1D"):
        learner.to_zarr(tmp_path / "a", 4)
        with xr.open_zarr(tmp_path / "a", consolidated=False) as stored:
            xr.testing.assert_identical(stored.compute(), dataset)
        learner.to_zarr(tmp_path / "a", 4, chunks=3)
        with xr.open_zarr(tmp_path / "a", consolidated=False) as stored:
            xr.testing.assert_allclose(stored.compute(), dataset, rtol=1e-12)
            assert stored[name].encoding["chunks"][0] == 3


def test_names_units_and_cuts() -> None:
    learner = run(adaptive.DataSaver(adaptive.Learner2D(of_point, PLANE), learn=["gap", "width"]), 20)
    dataset = learner.to_xarray({"energy": 3, "field": 5})
    assert dict(dataset.sizes) == {"energy": 3, "field": 5}
    assert set(dataset.data_vars) == {"gap", "gap_error", "width", "width_error"}
    assert dataset["energy"].attrs == {"units": "eV"}
    assert dataset["gap"].attrs == {"units": "meV", "ancillary_variables": "gap_error"}
    assert dataset["gap_error"].attrs["units"] == "meV"
    np.testing.assert_allclose(dataset["width"], np.broadcast_to(dataset["energy"].values[:, None], (3, 5)))
    cut = learner.to_xarray(3, coords={"field": 0.5}, error=False, smooth="auto")
    assert dict(cut.sizes) == {"energy": 3}
    assert cut["field"] == 0.5
    assert set(cut.data_vars) == {"gap", "width"}
    assert dict(learner.to_xarray([2, 3]).sizes) == {"energy": 2, "field": 3}
    many = learner.to_xarray(40, chunks={"energy": 4})  # a warning of Dask would fail
    assert many["gap"].chunks == ((4,) * 10, (40,))
    assert many["gap"].mean().compute(scheduler="sync") == pytest.approx(float(learner.to_xarray(40)["gap"].mean()))
    levels = run(adaptive.DataSaver(adaptive.Learner2D(of_point, PLANE), learn="levels"), 20).to_xarray(2)
    assert levels["levels"].dims == ("energy", "field", "levels_component")


def test_names_that_clash() -> None:
    def f(gap: float) -> dict[str, float]:
        return {"gap": gap, "y": 1.0, "y_error": 2.0, "result.gap": 3.0}

    learner = run(adaptive.DataSaver(adaptive.Learner1D(f, (0, 1)), learn=["gap", "y", "y_error"]), 4)
    dataset = learner.to_xarray(3)
    assert set(dataset.data_vars) == {"result.gap", "y", "y_error", "result.gap_error", "y_error_", "y_error_error"}
    assert (dataset["y_error"] == 2).all()
    again = learner.new()
    again.load_dataframe(learner.to_xarray())
    assert_same(learner, again)

    def odd(point: float) -> dict[str, Any]:
        return {"y": np.array([point, 1]), "y_component": 2, "learner": 1, "inputs": 3}

    learner = run(adaptive.DataSaver(adaptive.Learner1D(odd, (0, 1)), learn="y"), 4)
    again = learner.new()
    again.load_dataframe(learner.to_xarray())
    assert_same(learner, again)


def test_spaces() -> None:
    def f(energy: float, field: Annotated[float, "T"], temperature: float) -> Result:
        return of_point(Point(energy * temperature, field))

    energy = adaptive.Log(1e-2, 100, unit="meV", label="photon energy")
    space = adaptive.Space(energy=energy, field=(-1, 1), temperature=4.0)
    learner = run(adaptive.DataSaver(adaptive.Learner2D(f, space), learn="gap"), 20)
    dataset = learner.to_xarray(5, coords={"field": [0.5]})
    np.testing.assert_allclose(dataset["energy"], [0.01, 0.1, 1, 10, 100], rtol=1e-12)
    assert dataset["energy"].attrs == {"units": "meV", "long_name": "photon energy"}
    assert dataset["field"].attrs == {"units": "T"}
    assert dataset["gap"].attrs["units"] == "meV"
    assert dataset["temperature"] == 4
    assert np.isfinite(dataset["gap"]).all()
    points = learner.to_xarray()
    assert points["energy"].attrs["units"] == "meV"
    assert set(points.coords) == {"energy", "field"}
    samples = adaptive.AverageLearner1D(lambda seed, energy: energy, adaptive.Space(energy=energy))
    means = run(samples, 4).to_xarray(3)
    assert means["energy"].attrs["units"] == "meV"
    assert list(means.sizes) == ["energy"]


def test_children() -> None:
    def f(x: float, a: int) -> float:
        return a * x

    learner = adaptive.BalancingLearner.from_product(f, adaptive.Learner1D, {"bounds": (-1, 1)}, {"a": [1, 3]})
    run(learner, 12)
    dataset = learner.to_xarray(5, chunks=2)
    assert dict(dataset.sizes) == {"learner_index": 2, "x": 5}
    assert dataset["a"].values.tolist() == [1, 3]
    np.testing.assert_allclose(dataset["y"].isel(learner_index=1), 3 * dataset["x"])
    again = learner.new()
    again.load_dataframe(learner.to_xarray())
    assert_same(learner, again)
    several = adaptive.BalancingLearner([run(adaptive.Learner1D(curve, (0, b)), 5) for b in (1, 2)])
    with pytest.raises(ValueError, match="same bounds"):
        several.to_xarray(3)
    assert several.to_xarray(coords={"x": [0.5]})["y"].shape == (2, 1)


def test_categories() -> None:
    def f(x: float, material: str, axis: tuple[int, int]) -> dict[str, Any]:
        y = x * (1 + (material == "GaAs")) * axis[0]
        return {"y": y, "material": material}

    space = adaptive.Space(x=(0, 1), material=["Si", "GaAs"], axis=[(1, 0), (2, 1)])
    for learner in (
        adaptive.DataSaver(adaptive.Learner1D(f, space), learn="y"),
        adaptive.Learner1D(lambda x, material, axis: f(x, material, axis)["y"], space),
    ):
        run(learner, 16)
        dataset = learner.to_xarray(3, chunks=2)
        assert dict(dataset.sizes) == {"learner_index": 4, "x": 3}
        assert dataset["material"].values.tolist() == ["Si", "Si", "GaAs", "GaAs"]
        assert dataset["axis"].values.tolist() == [(1, 0), (2, 1)] * 2
        np.testing.assert_allclose(dataset["y"].isel(x=-1), [1, 2, 2, 4])
        assert learner.to_xarray(coords={"x": 0.5})["y"].shape == (4,)
        df = learner.to_dataframe()
        assert df.attrs["inputs"] == ["x"]
        assert {"learner_index", "x", "material", "axis", "y"} <= set(df.columns)
    grid = run(adaptive.Learner1D(lambda x, on: x, adaptive.Space(x=(0, 1), on=[True, "maybe"])), 8).to_xarray(2)
    assert grid["on"].values.tolist() == [True, "maybe"]


@pytest.mark.parametrize(
    "values", [["None", "NA", ""], [None, "None", 1], ["\ud800", "a, \n'b' "], [np.nan, "nan"], [(1, 2), "a"], ["1", 1]]
)
def test_categories_of_any_text_in_a_store(values: list[Any], tmp_path: Path) -> None:
    space = adaptive.Space(x=(0, 1), word=values, note=adaptive.Fixed(values[0]))
    learner = run(adaptive.Learner1D(lambda x, word, note: x, space), 4 * len(values))
    for n in (None, 3):
        learner.to_zarr(tmp_path / "a", n)
        with xr.open_zarr(tmp_path / "a", consolidated=False) as dataset:
            if n is None:
                other = learner.new()
                other.load_dataframe(dataset)
                assert dict(other.data) == dict(learner.data)
            else:
                words = dataset["word"].values.tolist()
                is_json = dataset["word"].attrs.get("encoded") == "json"
                assert list(map(repr, map(from_json, words) if is_json else words)) == list(map(repr, values))


def test_children_of_children(tmp_path: Path) -> None:
    def pair(a: int) -> Any:
        return adaptive.BalancingLearner(
            [adaptive.Learner1D(lambda x, b=b: a * b * x, (0, 1)) for b in (1, 2)], cdims=[{"b": 1}, {"b": 2}]
        )

    learner = run(adaptive.BalancingLearner([pair(1), pair(3)], cdims=[{"a": 1}, {"a": 3}]), 24)
    learner.to_zarr(tmp_path / "a", 3)
    with xr.open_zarr(tmp_path / "a", consolidated=False) as dataset:
        assert dataset["y"].dims == ("learner_index", "learner_index_2", "x")
        np.testing.assert_allclose(dataset["y"].isel(x=-1), [[1, 2], [3, 6]])
        assert dataset["a"].values.tolist() == [1, 3]
        assert dataset["b"].values.tolist() == [1, 2]
    other = run(adaptive.Learner1D(lambda energy: energy, (0, 1)), 4)
    with pytest.raises(ValueError, match="same axes, got x and energy"):
        adaptive.BalancingLearner([run(adaptive.Learner1D(curve, (0, 1)), 4), other]).to_xarray(3)
    named = run(adaptive.Learner1D(lambda learner_index: learner_index, (0, 1)), 4)
    assert adaptive.BalancingLearner([named]).to_xarray(3)["y"].dims == ("learner_index_", "learner_index")


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"n": 0}, ValueError, "positive number of coordinates, got 0 for the axis 'x'"),
        ({"n": True}, ValueError, "got True"),
        ({"n": 2.5}, ValueError, r"got 2\.5"),
        ({"n": [3]}, ValueError, r"entry for each axis \(x, y\)"),
        ({"n": {"z": 3}}, ValueError, r"names of axes \(x, y\), got 'z'"),
        ({"n": {"x": 3}}, ValueError, "axis 'y' must have coordinates"),
        ({"coords": {"x": [1]}}, ValueError, "axis 'y' must have coordinates"),
        ({"coords": {"u": [1]}}, ValueError, "got 'u'"),
        ({"coords": [1, 2]}, TypeError, "coords must be a mapping"),
        ({"n": 3, "coords": {"x": []}}, ValueError, r"got 'x' of shape \(0,\)"),
        ({"n": 3, "coords": {"x": [[1]]}}, ValueError, r"shape \(1, 1\)"),
        ({"n": 3, "chunks": {"z": 2}}, ValueError, "got 'z'"),
        ({"n": 3, "x_name": "u"}, TypeError, "got x_name"),
        ({"chunks": 3}, TypeError, "chunks must be used with n= or coords="),
        ({"smooth": True}, TypeError, "smooth must be used with n= or coords="),
    ],
)
def test_wrong_arguments(arguments: dict[str, Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        run(adaptive.Learner2D(plane, PLANE), 9).to_xarray(**arguments)


def test_learners_without_interpolation_or_points() -> None:
    for learner in (adaptive.SequenceLearner(curve, [1, 2]), adaptive.AverageLearner(curve, atol=0.1)):
        with pytest.raises(TypeError, match="must have an interpolator"):
            learner.to_xarray(3)
    with pytest.raises(TypeError, match="must have an interpolator"):
        saver("SequenceLearner").to_xarray(3)
    for kind in ("Learner1D", "Learner2D", "LearnerND", "RationalLearner1D"):
        with pytest.raises(ValueError, match=r"needs|needed|nothing|finite"):
            GRIDS[kind]().to_xarray(3)


@pytest.mark.parametrize("kind", sorted(GRIDS))
def test_errors_name_the_child_without_enough_points(kind: str, tmp_path: Path) -> None:
    def pair(full: int) -> Any:
        children = [run(GRIDS[kind](), 9), GRIDS[kind]()]
        return adaptive.BalancingLearner([children[i != full] for i in range(2)], cdims=[{"b": 1}, {"b": "two"}])

    learner = pair(0)
    with pytest.raises(ValueError, match=r"^Child 1 \(b='two'\) must have values on a grid, got 0 points: .*omit n"):
        learner.to_xarray(3)
    with pytest.raises(ValueError, match=r"^Child 1 \(b='two'\) must"):
        learner.to_zarr(tmp_path / "grid", 3)
    with pytest.raises(ValueError, match=r"^Child 0, child 0 \(b=1\) must"):
        adaptive.BalancingLearner([pair(1), pair(0)]).to_xarray(3)
    with pytest.raises(ValueError, match=r"^n must"):  # no fault of a child
        adaptive.BalancingLearner([run(GRIDS[kind](), 9)]).to_xarray(0)
    assert len(learner.to_dataframe()) == learner.to_xarray().sizes["point"] > 0
    learner.to_zarr(tmp_path / "points")
    learner.to_parquet(tmp_path / "points.parquet")
    for data in (pd.read_parquet(tmp_path / "points.parquet"), learner.to_xarray()):
        again = learner.new()
        again.load_dataframe(data)
        assert_same(learner, again)


def test_a_learner_over_a_space_without_interpolation() -> None:
    pytest.importorskip("skopt")
    over_space = adaptive.SKOptLearner(curve, adaptive.Space(x=adaptive.Log(1, 2)))
    for wrapped in (over_space, adaptive.DataSaver(over_space, learn="y"), adaptive.BalancingLearner([over_space])):
        with pytest.raises(TypeError, match="must have an interpolator, got a SKOptLearner"):
            wrapped.to_xarray(3)


STORED = ("Learner1D", "AverageLearner1D", "SequenceLearner")


@pytest.mark.parametrize(("kind", "stored"), [*((kind, False) for kind in INSIDE), *((kind, True) for kind in STORED)])
def test_points_of_every_learner_with_named_results(kind: str, stored: bool, tmp_path: Path) -> None:
    learner = run(saver(kind), 5)
    dataset = learner.to_xarray()
    assert dataset.sizes["point"] >= 4
    if stored:
        learner.to_zarr(tmp_path / "a")
        dataset = xr.open_zarr(tmp_path / "a", consolidated=False)
    other = learner.new()
    other.load_dataframe(dataset)
    dataset.close()
    assert_same(learner, other)


def test_points_without_names_and_no_points(tmp_path: Path) -> None:
    for make in (GRIDS["LearnerND"], lambda: saver("Learner2D"), INSIDE["SequenceLearner"]):
        empty = make()
        empty.to_zarr(tmp_path / "empty")
        with xr.open_zarr(tmp_path / "empty", consolidated=False) as dataset:
            empty.load_dataframe(dataset)
        assert empty.npoints == 0
    for make in GRIDS.values():
        learner = run(make(), 5)
        other = learner.new()
        other.load_dataframe(pickle.loads(pickle.dumps(learner.to_xarray())))
        assert_same(learner, other)
    sequence = run(adaptive.SequenceLearner(lambda x: x, [None, math.nan, "a", {"b": 1}, [2]]), 5)
    sequence.to_zarr(tmp_path / "sequence")
    other = sequence.new()
    with xr.open_zarr(tmp_path / "sequence", consolidated=False) as dataset:
        other.load_dataframe(dataset)
    assert repr(dict(other.data)) == repr(dict(sequence.data))
    with pytest.raises(ValueError, match="dimension 'point'"):
        adaptive.Learner1D(curve, (-1, 1)).load_dataframe(run(GRIDS["Learner1D"](), 5).to_xarray(3))


# -- stores


def test_odd_names_in_a_store(tmp_path: Path) -> None:
    odd = {"": 1, ".": 2, "..": 3, "a/b": 4, "a%2Fb": 5, "zarr.json": 6, ".zattrs": 7, "a\nb": 8, "ä ö": 9, "name": 10}
    learner = run(adaptive.DataSaver(adaptive.Learner1D(lambda x: {"y/z": x, **odd}, (0, 1)), learn="y/z"), 4)
    learner.to_zarr(tmp_path / "points")
    other = learner.new()
    with xr.open_zarr(tmp_path / "points", consolidated=False) as dataset:
        other.load_dataframe(dataset)
    assert_same(learner, other)
    learner.to_zarr(tmp_path / "grid", 3)
    with xr.open_zarr(tmp_path / "grid", consolidated=False) as dataset:
        np.testing.assert_allclose(dataset["y%2Fz"], [0, 0.5, 1])


def test_arrays_with_more_than_elements(tmp_path: Path) -> None:
    def f(x: float) -> dict[str, Any]:
        masked = np.ma.array([x, 1.0], mask=[False, True])
        return {"y": x, "masked": masked, "none": np.ma.masked, "long": np.longdouble(1) / 3}

    learner = run(adaptive.DataSaver(adaptive.Learner1D(f, (0, 1)), learn="y"), 4)
    learner.to_zarr(tmp_path / "a")
    learner.to_parquet(tmp_path / "b")
    with xr.open_zarr(tmp_path / "a", consolidated=False) as dataset:
        for table in (dataset, pd.read_parquet(tmp_path / "b"), learner.to_xarray(), learner.to_dataframe()):
            other = learner.new()
            other.load_dataframe(table)
            for x, parts in learner.extra_data.items():
                again = other.extra_data[x]
                assert again["none"] is np.ma.masked
                assert again["long"] == parts["long"]
                assert repr(again["masked"]) == repr(parts["masked"])

    class Quantity(np.ndarray):
        pass

    units = run(
        adaptive.DataSaver(adaptive.Learner1D(lambda x: {"y": x, "q": np.ones(2).view(Quantity)}, (0, 1)), learn="y"), 3
    )
    assert type(units.to_xarray()["q"].values[0]) is Quantity
    for write in (units.to_parquet, units.to_zarr):
        with pytest.raises(TypeError, match="Quantity"):
            write(tmp_path / "c")


def test_a_store_takes_the_place_of_the_old_one_or_nothing_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner = run(GRIDS["Learner1D"](), 5)
    memory = fsspec.filesystem("memory")
    places = [str(tmp_path / "a.zarr"), "memory://stores/a.zarr"]

    def lengths() -> list[int]:
        return [xr.open_zarr(place, consolidated=False).sizes["x"] for place in places]

    for n in (10, 3):
        for place in places:
            learner.to_zarr(place, n)
        assert lengths() == [n, n]

    def interrupt(*args: Any, **kwargs: Any) -> None:
        real(*args, **kwargs)
        raise KeyboardInterrupt

    real = zarr_store._write
    monkeypatch.setattr(zarr_store, "_write", interrupt)
    for place in places:
        with pytest.raises(KeyboardInterrupt):
            learner.to_zarr(place, 7)
    assert lengths() == [3, 3]
    assert [path.name for path in tmp_path.iterdir()] == ["a.zarr"]
    assert memory.ls("/stores", detail=False) == ["/stores/a.zarr"]
    monkeypatch.undo()
    monkeypatch.setattr(zarr_store.os, "rename", lambda old, new: (_ for _ in ()).throw(PermissionError("no")))
    with pytest.raises(PermissionError):
        learner.to_zarr(places[0], 7)
    monkeypatch.undo()
    assert lengths() == [3, 3]
    memory.rm("/stores", recursive=True)


def test_nothing_else_is_replaced(tmp_path: Path) -> None:
    learner = run(GRIDS["Learner1D"](), 5)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "thesis.tex").write_text("!")
    (tmp_path / "file").write_text("!")
    memory = fsspec.filesystem("memory")
    memory.pipe_file("/other/folder/thesis.tex", b"!")
    for place in (tmp_path / "folder", tmp_path / "file", "memory://other/folder", "memory://other/folder/thesis.tex"):
        with pytest.raises(FileExistsError, match="must be a Zarr store or not exist"):
            learner.to_zarr(place, 3)
    assert (tmp_path / "folder" / "thesis.tex").read_text() == "!"
    assert memory.cat_file("/other/folder/thesis.tex") == b"!"
    memory.rm("/other", recursive=True)
    (tmp_path / "empty").mkdir()
    learner.to_zarr(tmp_path / "empty", 3)


def test_errors_have_no_secrets() -> None:
    learner = run(GRIDS["Learner1D"](), 5)
    with pytest.raises(PermissionError) as raised:
        learner.to_zarr("locked://me:secret-word@host/a.zarr", 3, storage_options={"key": "wrong-secret-key"})
    assert not secrets_of(raised.value)
    assert raised.value.__cause__ is None


@pytest.mark.parametrize("module", ["xarray", "zarr"])
def test_without_a_module_the_error_says_what_to_install(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=r"adaptive_dask\[data\]"):
        run(GRIDS["Learner1D"](), 5).to_zarr(tmp_path / "a", 3)
    assert not list(tmp_path.iterdir())


def test_objects_that_cannot_be_stored_say_where(tmp_path: Path) -> None:
    learner = adaptive.DataSaver(adaptive.Learner1D(lambda x: {"y": x, "model": object()}, (0, 1)), learn="y")
    with pytest.raises(TypeError, match="variable 'model'"):
        run(learner, 3).to_zarr(tmp_path / "a")
