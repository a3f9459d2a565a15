"""A Space says by name which values the arguments of a function may have."""

from __future__ import annotations

import copy
import dataclasses
import importlib
import math
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import cloudpickle
import numpy as np
import pandas as pd
import pytest

from adaptive_dask import Linear, Log, Space
from adaptive_dask.learner.axes.axis import Categories, Fixed


def test_axes_come_in_the_order_in_which_they_were_given() -> None:
    space = Space({"b": (0, 1)}, a=Log(1, 10), kind=["x", "y"], c=3)
    assert list(space.axes) == ["b", "a", "kind", "c"]
    assert space.names == ("b", "a", "kind")
    assert space.fixed == {"c": 3}
    assert space.ndim == 3


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        ({"x": (1, 0)}, ValueError, "x: bounds must be in ascending order"),
        ({"x": (0, math.inf)}, ValueError, "x: A bound must be a finite number"),
        ({"x": (0, 1, 2)}, TypeError, "pair"),
        ({"x": ("a", "b")}, TypeError, "categories as a list"),
        ({"x": Log}, TypeError, r"write Log\(low, high\)"),
        ({"x": []}, ValueError, "at least one category"),
        ({"x": ["a", "b", "a"]}, ValueError, "x: values must differ, got 'a' twice"),
        ({"x": [np.arange(3), np.arange(3)]}, TypeError, "must be comparable.* Use names"),
        ({"x": [np.arange(3), np.arange(4)]}, TypeError, "must be comparable.* Use names"),
        ({"x": ["a", "a"]}, ValueError, "'a' twice"),
        ({"x": 3}, ValueError, "must have an axis that varies"),
        ({}, ValueError, "must have an axis that varies"),
        ({"no name": (0, 1)}, TypeError, "name of an axis"),
        ({3: (0, 1)}, TypeError, "name of an axis"),
        ([("x", (0, 1))], TypeError, "must be a mapping"),
    ],
)
def test_what_is_no_space_is_refused(given: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        Space(given)


@pytest.mark.parametrize(
    ("low", "high", "error"),
    [(0, 1, ValueError), (-1, 1, ValueError), (2, 1, ValueError), (1, math.nan, ValueError), ("a", 1, TypeError)],
)
def test_a_logarithmic_axis_needs_positive_bounds(low: Any, high: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        Log(low, high)


def test_an_axis_is_given_once() -> None:
    with pytest.raises(ValueError, match="twice"):
        Space({"x": (0, 1)}, x=(0, 2))


def test_bounds_of_a_logarithmic_axis_are_exact() -> None:
    for low, high in [(1e-3, 1e3), (2, 3), (1e-200, 1e200), (0.3, 0.30001)]:
        axis = Log(low, high)
        assert [axis.to_user(u) for u in axis.inner_bounds] == [low, high]
        assert tuple(axis.many_to_inner([low, high])) == axis.inner_bounds
        assert low <= axis.to_user(math.nextafter(axis.inner_bounds[0], 9e9)) <= high


def test_units_and_labels_come_from_the_types_of_the_function() -> None:
    def f(energy: Annotated[float, "meV", "photon energy"], field: Annotated[float, "T"], n: int) -> float:
        return 0.0

    space = Space(energy=(0, 1), field=Linear(0, 1, unit="mT"), n=3).with_texts_of(f)
    assert (space.axes["energy"].unit, space.axes["energy"].label) == ("meV", "photon energy")
    assert (space.axes["field"].unit, space.axes["field"].label) == ("mT", None)
    with pytest.raises(TypeError, match="unit must be a string"):
        Linear(0, 1, unit=3)  # type: ignore[arg-type]


def test_spaces_are_equal_if_their_axes_are() -> None:
    space = Space(x=Log(1, 2, unit="m"), y=4, z=Fixed((1, 2)))
    assert space == Space(x=Log(1, 2), y=4, z=Fixed((1, 2)))
    assert hash(space) == hash(pickle.loads(pickle.dumps(space)))
    assert space != Space(x=(1, 2), y=4, z=Fixed((1, 2)))
    assert space != Space(x=Log(1, 2), y=5, z=Fixed((1, 2)))
    assert space.replaced(y=5).fixed["y"] == 5
    with pytest.raises(ValueError, match="among x, y, z"):
        space.replaced(w=3)
    # What is shown can be evaluated again.
    names = {"Space": Space, "Log": Log, "Fixed": Fixed, "Categories": Categories}
    assert eval(repr(space), names) == space


def test_a_value_of_a_class_that_is_missing_elsewhere_is_unpickled_only_when_it_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "materials_of_a_user.py").write_text("class Material:\n    gap = 1.1\n")
    monkeypatch.syspath_prepend(tmp_path)
    material = importlib.import_module("materials_of_a_user").Material()
    pickled = cloudpickle.dumps(Space(x=(0, 1), material=material))
    assert pickle.loads(pickled).fixed["material"].gap == 1.1
    there = f"""
import pickle
space = pickle.loads({pickled!r})
assert space.names == ("x",) and "Material object" in repr(space) and " at 0x" not in repr(space), space
assert pickle.loads(pickle.dumps(space)) == space
try:
    space.fixed
except ModuleNotFoundError:
    print("as expected")
"""
    done = subprocess.run([sys.executable, "-c", there], capture_output=True, text=True, check=False)
    assert done.stdout == "as expected\n", done.stderr


@dataclasses.dataclass
class Model:
    weights: Any
    name: str = "model"


LONG = np.linspace(0, 1, 3000)
OTHER = np.where(np.arange(3000) == 1500, 7, LONG)


@pytest.mark.parametrize(
    ("value", "other"),
    [
        (LONG, OTHER),
        (np.array([0.1 + 1e-12]), np.array([0.1])),
        (LONG, LONG.astype("f4")),
        (LONG.reshape(2, -1), LONG.reshape(3, -1)),
        ([LONG], [OTHER]),
        ({"a": (1, LONG)}, {"a": (1, OTHER)}),
        (Model(LONG), Model(OTHER)),
        (np.array([LONG, None], dtype=object), np.array([OTHER, None], dtype=object)),
        (np.ma.MaskedArray(LONG, LONG > 0.5), np.ma.MaskedArray(LONG, LONG > 0.6)),
        (pd.Series(LONG), pd.Series(OTHER)),
        (pd.Series(LONG), pd.Series(LONG, index=OTHER)),
        (pd.DataFrame({"a": LONG}), pd.DataFrame({"b": LONG})),
        ({"a", "b", "c"}, {"a", "b", "d"}),
        (math.nan, 0.0),
    ],
)
def test_fixed_values_are_compared_by_value(value: Any, other: Any) -> None:
    space = Space(x=(0, 1), fixed=Fixed(value))
    for same in (Space(x=(0, 1), fixed=Fixed(copy.deepcopy(value))), pickle.loads(pickle.dumps(space))):
        assert same == space
        assert hash(same) == hash(space)
    assert space != Space(x=(0, 1), fixed=Fixed(other))
    assert pickle.loads(pickle.dumps(space)) != pickle.loads(pickle.dumps(Space(x=(0, 1), fixed=Fixed(other))))
    assert len(repr(space)) < 1000


def test_texts_of_fixed_values_depend_on_nothing_else() -> None:
    code = """
import numpy as np
from adaptive_dask import Fixed, Space
np.set_printoptions(precision=PRECISION, threshold=5)
values = {"c", "a", "b"}, {"k": np.linspace(0, 1, 3000)}, np.linspace(0, 1, 7)
print([Space(x=(0, 1), fixed=Fixed(value)).plain() for value in values])
"""
    texts = {
        subprocess.run(
            [sys.executable, "-c", code.replace("PRECISION", seed)],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(texts) == 1
    endless: list[Any] = []
    endless.append(endless)
    assert "[...]" in repr(Space(x=(0, 1), fixed=Fixed(endless)))
