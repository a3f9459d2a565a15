"""Data frames of learners: python-adaptive's columns, and round trips."""

from __future__ import annotations

import copy
import functools
import inspect
import io
import math
import operator
import pickle
import sys
from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

import adaptive_dask
from adaptive_dask import RationalLearner1D, SparseGridLearner
from adaptive_dask.storage import text_cells
from adaptive_dask.storage.frame_layouts import layout_of
from adaptive_dask.storage.frames import load_dataframe, to_dataframe
from tests.storage.test_adaptive_files import KINDS, Ours, adaptive, arrays, curve, run

FRAME_OPTIONS: dict[str, list[dict[str, Any]]] = {
    "Learner1D": [{}, {"x_name": "field", "y_name": "current"}],
    "Learner1D-vector": [{}],
    "Learner2D": [{}, {"x_name": "a", "y_name": "b", "z_name": "c"}],
    "LearnerND": [{}, {"point_names": ("a", "b", "c"), "value_name": "d"}],
    "AverageLearner": [{}, {"seed_name": "a", "y_name": "b"}],
    "AverageLearner1D": [{}, {"seed_name": "a", "x_name": "b", "y_name": "c"}],
    "IntegratorLearner": [{}, {"x_name": "a", "y_name": "b"}],
    "SequenceLearner": [{}, {"index_name": "a", "x_name": "b", "y_name": "c"}],
    "DataSaver": [{}, {"x_name": "a", "extra_data_name": "b"}],
}
CASES = [(kind, options) for kind, several in FRAME_OPTIONS.items() for options in several]


@pytest.mark.long
@pytest.mark.parametrize(("kind", "options"), CASES)
def test_columns_are_python_adaptives(kind: str, options: dict[str, Any]) -> None:
    theirs, ours = run(KINDS[kind](adaptive)), run(KINDS[kind](Ours()))
    expected, found = theirs.to_dataframe(**options), ours.to_dataframe(**options)
    assert list(found.columns) == list(expected.columns)
    assert dict(found.dtypes) == dict(expected.dtypes)
    assert found.attrs == expected.attrs
    # The same rows, where the two sample alike.
    loaded = KINDS[kind](Ours())
    loaded.load_dataframe(expected, **options)
    again = loaded.to_dataframe(**options)
    keys = again.attrs["inputs"]
    pd.testing.assert_frame_equal(
        again.sort_values(keys, ignore_index=True), expected.sort_values(keys, ignore_index=True)
    )


@pytest.mark.parametrize(("kind", "options"), CASES)
def test_round_trip(kind: str, options: dict[str, Any]) -> None:
    learner, other = run(KINDS[kind](Ours())), KINDS[kind](Ours())
    df = learner.to_dataframe(**options)
    other.load_dataframe(df, **options)
    pd.testing.assert_frame_equal(other.to_dataframe(**options), df)
    assert other.npoints == learner.npoints
    np.testing.assert_equal(dict(other.data), dict(learner.data))


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_learner(kind: str) -> None:
    learner = KINDS[kind](Ours())
    df = learner.to_dataframe()
    assert len(df) == 0
    learner.load_dataframe(df)
    assert learner.npoints == 0


def with_arguments(x: float, a: float, b: int = 2, c: str = "three") -> float:
    return x * a * b


def test_default_arguments_travel_with_the_data() -> None:
    m = Ours()
    learner = run(m.Learner1D(functools.partial(with_arguments, a=5.0), (-1, 1)), 5)
    df = learner.to_dataframe(function_prefix="f:")
    assert list(df.columns) == ["x", "y", "f:a", "f:b", "f:c"]
    assert set(df["f:a"]) == {5.0}
    other = m.Learner1D(with_arguments, (-1, 1))
    other.load_dataframe(df, function_prefix="f:")
    assert other.function(1.0) == 10.0
    assert "f:a" not in learner.to_dataframe(with_default_function_args=False)


def test_an_argument_that_differs_is_a_warning_and_wins() -> None:
    m = Ours()
    df = run(m.Learner1D(functools.partial(with_arguments, a=5.0), (-1, 1)), 5).to_dataframe()
    other = m.Learner1D(functools.partial(with_arguments, a=6.0), (-1, 1))
    with pytest.warns(UserWarning, match="a=5.0"):
        other.load_dataframe(df)
    assert other.function(1.0) == 10.0


def test_the_elements_of_a_sequence_get_the_arguments_too() -> None:
    m = Ours()
    df = run(m.SequenceLearner(functools.partial(with_arguments, a=5.0), [1.0, 2.0]), 2).to_dataframe()
    other = m.SequenceLearner(with_arguments, [1.0, 2.0])
    other.load_dataframe(df)
    assert other.npoints == 2
    assert other.function((0, 3.0)) == 30.0


def test_what_is_refused_at_the_end_changes_nothing() -> None:
    m = Ours()

    def make() -> Any:
        return m.BalancingLearner([m.Learner2D(sum, [(0, 1)] * 2) for _ in range(2)])

    learner = run(make(), 12)
    df = learner.to_dataframe()
    df["z"] = df["z"].astype(object)
    df.loc[len(df) - 1, "z"] = "three"
    other = make()
    with pytest.raises(TypeError):
        other.load_dataframe(df)
    assert other.npoints == 0
    assert [child.npoints for child in other.learners] == [0, 0]


def test_wrong_arguments_are_errors_and_nothing_is_told() -> None:
    m = Ours()
    df = run(m.Learner1D(functools.partial(with_arguments, a=5.0), (-1, 1)), 5).to_dataframe()
    other = m.Learner1D(curve, (-1, 1))
    with pytest.raises(ValueError, match="no argument of that name"):
        other.load_dataframe(df)
    df["function.a"] = np.arange(5.0)
    with pytest.raises(ValueError, match="one value"):
        other.load_dataframe(df)
    with pytest.raises(ValueError, match="prefix"):
        other.load_dataframe(df, function_prefix="")
    assert other.npoints == 0
    other.load_dataframe(df, with_default_function_args=False)
    assert other.npoints == 5


def test_wrong_names_are_errors() -> None:
    m = Ours()
    learner = run(m.Learner1D(curve, (-1, 1)), 5)
    with pytest.raises(TypeError, match=r"must be one of x_name, y_name.*, got 'z_name'"):
        learner.to_dataframe(z_name="z")
    with pytest.raises(ValueError, match="got 'y' twice"):
        learner.to_dataframe(x_name="y")
    with pytest.raises(ValueError, match="must have a column 'x', got 'u', 'y'"):
        learner.load_dataframe(learner.to_dataframe(x_name="u"))
    with pytest.raises(ValueError, match="point_names must have 3 names"):
        KINDS["LearnerND"](m).to_dataframe(point_names=("a", "b"))


def test_dimensions_that_have_no_default_names_in_python_adaptive() -> None:
    m = Ours()
    two = run(m.LearnerND(lambda xy: xy[0], [(0, 1)] * 2), 6)
    assert list(two.to_dataframe().columns) == ["x", "y", "value"]
    four = m.LearnerND(lambda xs: xs[0], [(0, 1)] * 4)
    assert list(four.to_dataframe().columns) == ["x0", "x1", "x2", "x3", "value"]


def test_a_dict_may_be_a_value_of_a_sequence() -> None:
    m = Ours()
    learner = run(m.SequenceLearner(lambda x: {"x": x}, [1, "two", (3, 4)]), 2)
    df = learner.to_dataframe(full_sequence=True)
    assert list(df["y"])[:2] == [{"x": 1}, {"x": "two"}]
    assert df["y"][2] is pd.NA
    other = learner.new()
    other.load_dataframe(df, full_sequence=True)
    assert dict(other.data) == dict(learner.data)


def test_means_of_samples() -> None:
    learner = run(KINDS["AverageLearner1D"](Ours()))
    df = learner.to_dataframe(mean=True)
    assert list(df.columns) == ["x", "y", "error", "count"]
    assert dict(zip(df["x"], df["y"], strict=True)) == dict(learner.data)


def test_children_of_a_balancing_learner() -> None:
    m = Ours()

    def make(module: Any) -> Any:
        return module.BalancingLearner([module.Learner1D(curve, (-1 - i, 1)) for i in range(3)])

    theirs, ours = run(make(adaptive), 12), run(make(m), 12)
    pd.testing.assert_frame_equal(ours.to_dataframe(), theirs.to_dataframe())
    df = ours.to_dataframe(index_name="child", x_name="u")
    assert list(df.columns) == ["child", "u", "y"]
    other = make(m)
    other.load_dataframe(df, index_name="child", x_name="u")
    assert dict(other.data) == dict(ours.data)
    assert other.npoints == 12
    df["child"] += 1
    with pytest.raises(ValueError, match="from 0 to 2"):
        make(m).load_dataframe(df, index_name="child", x_name="u")


def test_a_learner_of_the_users_own() -> None:
    from adaptive_dask.learner.learner1D import Learner1D

    class Mine(Learner1D):
        pass

    assert layout_of(Mine(curve, (0, 1))) is layout_of(Learner1D(curve, (0, 1)))

    class Other:
        def __init__(self) -> None:
            self.data = {(1.0, 2.0): 3.0}

        function = staticmethod(curve)

        def tell_many(self, xs: Any, ys: Any) -> None:
            self.data.update(zip(xs, ys, strict=True))

    empty = Other()
    empty.data = {}
    load_dataframe(empty, to_dataframe(Other()))
    assert empty.data == Other().data
    assert layout_of(Other()).options(Other()) == {"point_names": ("x0", "x1"), "value_name": "y"}


def test_without_pandas_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    learner = Ours().Learner1D(curve, (-1, 1))
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install"):
        learner.to_dataframe()


def through_csv(df: pd.DataFrame) -> pd.DataFrame:
    exactly = {} if int(pd.__version__.split(".")[0]) >= 3 else {"float_precision": "round_trip"}
    return pd.read_csv(io.StringIO(df.to_csv(index=False)), **exactly)


def same(df: pd.DataFrame) -> pd.DataFrame:
    return df


def vector(x: Any) -> Any:
    return np.array([np.sin(np.sum(x)), 1 / 3, -1e-300])


def amplitude(x: Any) -> Any:
    return 1j if np.sum(x) == 0 else complex(-1 / 3 * np.sum(x), 1e-300)


def amplitudes(x: Any) -> Any:
    return np.array([amplitude(x), 2j, 1 / 3])


COMPLEX: dict[str, Callable[[Any], Any]] = {
    "RationalLearner1D": lambda m: RationalLearner1D(amplitude, (0, 1)),
    "RationalLearner1D-vector": lambda m: RationalLearner1D(amplitudes, (0, 1)),
    "SparseGridLearner": lambda m: SparseGridLearner(amplitude, [(0, 1)] * 2),
    "SparseGridLearner-vector": lambda m: SparseGridLearner(amplitudes, [(0, 1)] * 2),
    "SequenceLearner-complex": lambda m: m.SequenceLearner(amplitude, [0.0, 0.2, 0.3]),
    "DataSaver-complex": lambda m: m.DataSaver(
        RationalLearner1D(lambda x: {"y": amplitude(x)}, (0, 1)), operator.itemgetter("y")
    ),
}
VECTORS: dict[str, Callable[[Any], Any]] = {
    "Learner1D": lambda m: m.Learner1D(vector, (0, 1)),
    "Learner2D": lambda m: m.Learner2D(vector, [(0, 1)] * 2),
    "LearnerND": lambda m: m.LearnerND(vector, [(0, 1)] * 3),
    "LearnerND-tuple": lambda m: m.LearnerND(lambda x: tuple(vector(x)), [(0, 1)] * 3),
    "LearnerND-list": lambda m: m.LearnerND(lambda x: vector(x).tolist(), [(0, 1)] * 3),
    "SequenceLearner": lambda m: m.SequenceLearner(vector, [0.1, 0.2, 0.3]),
    "BalancingLearner": lambda m: m.BalancingLearner([m.Learner1D(vector, (0, 1)), m.Learner1D(vector, (1, 2))]),
    "DataSaver": lambda m: m.DataSaver(m.Learner1D(lambda x: {"y": vector(x)}, (0, 1)), operator.itemgetter("y")),
    **COMPLEX,
}


@pytest.mark.parametrize("way", [same, through_csv, copy.deepcopy, lambda df: pickle.loads(pickle.dumps(df))])
@pytest.mark.parametrize("kind", VECTORS)
def test_vectors_and_complex_numbers_are_exact_in_text(kind: str, way: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    learner, other = run(VECTORS[kind](Ours()), 12), VECTORS[kind](Ours())
    other.load_dataframe(way(learner.to_dataframe()))
    assert other.npoints == learner.npoints
    for x, y in learner.data.items():
        np.testing.assert_array_equal(other.data[x], y)
        assert type(other.data[x]) in (np.ndarray, complex, type(y))


def test_vectors_in_text_that_others_wrote() -> None:
    m = Ours()
    theirs = run(KINDS["Learner1D-vector"](adaptive))
    ours = KINDS["Learner1D-vector"](m)
    ours.load_dataframe(through_csv(theirs.to_dataframe()))
    for x, y in theirs.data.items():
        np.testing.assert_allclose(ours.data[x], y, rtol=1e-7)
    for text in ["[0.5, 0.25]", "(0.5, 0.25)", "[np.float64(0.5), np.float64(0.25)]", "[0.5  \n 0.25]"]:
        learner = m.Learner1D(arrays, (-1, 1))
        learner.load_dataframe(pd.DataFrame({"x": [0.5], "y": [text]}))
        np.testing.assert_array_equal(learner.data[0.5], [0.5, 0.25])
    for text in ["[0. 1. ... 8. 9.]", "[0.5, nothing]", "[0.5"]:
        with pytest.raises((TypeError, ValueError)):
            m.Learner1D(arrays, (-1, 1)).load_dataframe(pd.DataFrame({"x": [0.5], "y": [text]}))


def test_text_is_a_value_of_a_sequence() -> None:
    learner = run(Ours().SequenceLearner(lambda x: "[1.0, 2.0]", [1, 2]), 2)
    learners = Ours().BalancingLearner([learner, run(learner.new(), 1)])
    for each in (learner, learners):
        other = each.new()
        other.load_dataframe(each.to_dataframe())
        assert set(other.data.values()) == {"[1.0, 2.0]"}


def test_elements_without_value_are_still_without_one_after_csv() -> None:
    learner = run(Ours().SequenceLearner(curve, [0.1, 0.2, 0.3]), 2)
    other = learner.new()
    other.load_dataframe(through_csv(learner.to_dataframe(full_sequence=True)), full_sequence=True)
    assert dict(other.data) == dict(learner.data)


def test_cells_are_arrays_to_compute_with() -> None:
    cell = run(VECTORS["Learner1D"](Ours()), 3).to_dataframe()["y"][0]
    assert isinstance(cell, np.ndarray)
    assert type(2 * cell) is np.ndarray
    assert type(cell.sum()) is np.float64


@pytest.mark.parametrize("way", [same, through_csv])
@pytest.mark.parametrize(
    "value",
    [
        math.nan,
        np.float64("nan"),
        None,
        1.5,
        2,
        True,
        "text",
        (1, 2.5),
        math.inf,
        {"a": 1},
        pd.NA,
        -0.0,
        "None",
        "null",
        "1e5",
        "007",
        "true",
        "a,\n'b'",
    ],
)
@pytest.mark.parametrize("children", [False, True])
def test_any_default_argument_can_be_loaded(
    value: Any, way: Callable[[pd.DataFrame], pd.DataFrame], children: bool
) -> None:
    def function(x: float, option: Any = value) -> float:
        return x

    m = Ours()
    learner = m.Learner1D(function, (0, 1))
    if children:
        learner = m.BalancingLearner([m.Learner1D(functools.partial(function), (0, 1)), learner])
    df = run(learner, 6).to_dataframe()
    other = learner.new()
    other.load_dataframe(way(df))
    assert other.npoints == 6
    assert inspect.signature((other.learners[0] if children else other).function).parameters["option"].default is value


def test_an_argument_of_arrays() -> None:
    def weighted(x: float, weights: Any) -> float:
        return x

    function = functools.partial(weighted, weights=np.arange(3000.0))
    learner = run(Ours().Learner1D(function, (0, 1)), 5)
    df = learner.to_dataframe()
    other = learner.new()
    other.load_dataframe(df)
    assert other.function is function
    df.loc[4, "function.weights"][1500] = -1
    df.at[4, "function.weights"] = np.ones(3000)
    with pytest.raises(ValueError, match="one value"):
        learner.new().load_dataframe(df)


def test_positional_arguments_are_python_adaptives() -> None:
    samples = run(KINDS["AverageLearner1D"](Ours()))
    assert list(samples.to_dataframe(True).columns) == ["x", "y", "error", "count"]
    assert list(samples.to_dataframe(False, False, "", "a", "b", "c").columns) == ["a", "b", "c"]
    other = samples.new()
    other.load_dataframe(samples.to_dataframe(False, True, "f.", "a", "b", "c"), True, "f.", "a", "b", "c")
    assert dict(other.data) == dict(samples.data)
    children = run(Ours().BalancingLearner([Ours().Learner1D(curve, (0, 1))]), 5)
    df = children.to_dataframe("which")
    assert list(df.columns) == ["which", "x", "y"]
    again = children.new()
    again.load_dataframe(df, "which")
    assert again.npoints == 5
    saver = run(KINDS["DataSaver"](Ours()))
    df = saver.to_dataframe(True, "f.", "rest")
    assert list(df.columns) == ["x", "y", "rest"]
    again = KINDS["DataSaver"](Ours())
    again.load_dataframe(df, True, "f.", "rest", ("x",))
    assert dict(again.data) == dict(saver.data)
    assert list(run(KINDS["Learner2D"](Ours())).to_dataframe(False, "", "a", "b", "c").columns) == ["a", "b", "c"]


def test_positional_arguments_of_another_type_are_errors() -> None:
    learner = run(KINDS["Learner1D"](Ours()), 5)
    children = Ours().BalancingLearner([learner])
    for call, message in [
        (lambda: learner.to_dataframe("which"), "with_default_function_args must be"),
        (lambda: learner.to_dataframe(True, 3), "function_prefix must be"),
        (lambda: learner.to_dataframe(True, "f.", 3), "x_name must be"),
        (lambda: learner.to_dataframe(True, "f.", "x", "y", "z"), "at most 4"),
        (lambda: learner.to_dataframe(True, "f.", "x", x_name="x"), "given once"),
        (lambda: children.to_dataframe(False), "index_name must be"),
        (lambda: children.load_dataframe(children.to_dataframe(), True), "index_name must be"),
    ]:
        with pytest.raises(TypeError, match=message):
            call()


def test_means_have_errors_and_counts() -> None:
    learner = run(KINDS["AverageLearner1D"](Ours()))
    df = learner.to_dataframe(mean=True, error_name="±", count_name="n")
    assert list(df["±"]) == [learner.error[x] for x in df["x"]]
    assert df["n"].sum() == learner.nsamples


class Point(NamedTuple):
    energy: float
    field: float


def transmission(energy: float, gate: float = 0.0) -> float:
    return energy


def of_tuple(point: Point) -> float:
    return point[0] * point[1]


def of_noise(pair: Annotated[tuple[int, float], "seed", "energy"]) -> float:
    return pair[1] + pair[0] % 3


def of_y(y: float) -> float:
    return y


PLANE = [(-1, 1), (-1, 1)]
NAMED = [
    (lambda: adaptive_dask.Learner1D(transmission, (-1, 1)), ["energy", "y", "function.gate"]),
    (lambda: adaptive_dask.Learner1D(of_y, (-1, 1)), ["x", "y"]),
    (lambda: adaptive_dask.IntegratorLearner(transmission, (-1, 1), 1e-3), ["energy", "y", "function.gate"]),
    (lambda: adaptive_dask.Learner2D(of_tuple, PLANE), ["energy", "field", "z"]),
    (lambda: adaptive_dask.LearnerND(of_tuple, PLANE), ["energy", "field", "value"]),
    (lambda: adaptive_dask.SparseGridLearner(of_tuple, PLANE), ["energy", "field", "value"]),
    (lambda: adaptive_dask.AverageLearner1D(of_noise, (-1, 1)), ["seed", "energy", "y"]),
    (
        lambda: adaptive_dask.DataSaver(adaptive_dask.Learner2D(of_tuple, PLANE), abs),
        ["energy", "field", "z", "extra_data"],
    ),
    (
        lambda: adaptive_dask.BalancingLearner([adaptive_dask.Learner2D(of_tuple, PLANE) for _ in range(2)]),
        ["learner_index", "energy", "field", "z"],
    ),
]


@pytest.mark.parametrize(("make", "columns"), NAMED)
def test_columns_are_called_as_the_function_calls_its_arguments(make: Callable[[], Any], columns: list[str]) -> None:
    learner = make()
    adaptive_dask.simple(learner, goal=lambda learner: learner.npoints >= 9)
    df = learner.to_dataframe()
    assert list(df.columns) == columns
    same = make()
    same.load_dataframe(df)
    assert same.npoints == learner.npoints
    pd.testing.assert_frame_equal(same.to_dataframe(), df)


def test_a_frame_with_the_usual_names_is_loaded_too() -> None:
    learner = run(adaptive_dask.Learner2D(of_tuple, PLANE), 9)
    df = learner.to_dataframe(x_name="x", y_name="y")
    assert list(df.columns) == ["x", "y", "z"]
    same = adaptive_dask.Learner2D(of_tuple, PLANE)
    same.load_dataframe(df)
    assert dict(same.data) == dict(learner.data)
    children = [adaptive_dask.Learner1D(function, (-1, 1)) for function in (transmission, abs)]
    both = adaptive_dask.BalancingLearner(children)
    adaptive_dask.simple(both, npoints_goal=3)
    assert list(both.to_dataframe(with_default_function_args=False).columns) == ["learner_index", "x", "y"]


@pytest.mark.parametrize(
    ("options", "columns"),
    [
        ({}, ["learner_index", "learner_index_2"]),
        *[({"index_name": name}, [name, inner]) for name, inner in (("k", "k_2"), ("k_2", "k_3"), ("_2", "_2_2"))],
    ],
)
def test_a_balancing_learner_in_another(options, columns):
    def make():
        children = [[adaptive_dask.Learner1D(curve, (0, 1)) for _ in range(n)] for n in (1, 2)]
        return adaptive_dask.BalancingLearner([adaptive_dask.BalancingLearner(each) for each in children])

    learner, loaded = make(), make()
    adaptive_dask.simple(learner, npoints_goal=5)
    df = learner.to_dataframe(**options)
    assert list(df.columns[:2]) == columns
    loaded.load_dataframe(df, **options)
    assert [dict(each.data) for each in loaded.learners] == [dict(each.data) for each in learner.learners]


def test_equal_default_arrays_are_compared_without_their_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    default = np.array([0.1, np.nan])

    def weighted(x: float, weights: Any = default) -> float:
        return x

    learner = adaptive_dask.Learner1D(weighted, (0, 1))
    learner.tell_many([0.0, 1.0], [0.0, 1.0])
    df = learner.to_dataframe()
    df["function.weights"] = [array.copy() for array in df["function.weights"]]  # as in a file
    monkeypatch.setattr(text_cells, "text_of_value", None)
    new = learner.new()
    new.load_dataframe(df)
    assert new.npoints == 2
