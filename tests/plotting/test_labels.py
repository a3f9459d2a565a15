"""What stands at the axes."""

from __future__ import annotations

import functools
from typing import Annotated, Any, NamedTuple

import pytest

import adaptive_dask as adaptive
from adaptive_dask.plotting.labels import dimensions

from .looking import axis_labels


def peak(energy: Annotated[float, "meV"], width: float = 1.0) -> Annotated[float, "e²/h"]:
    return energy


def of_pair(uv: Any) -> float:
    return 0.0


def of_point(xs: Any) -> float:
    return 0.0


def of_y(y: float) -> float:
    return y


def seeded(seed_x: Any) -> float:
    return 0.0


def badly_typed(x: NoSuchType) -> float:  # type: ignore[name-defined]  # noqa: F821
    return 0.0


class Point(NamedTuple):
    energy: Annotated[float, "meV"]
    field: Annotated[float, "T"]


def of_named(point: Point) -> float:
    energy, field = point
    return energy * field


def of_annotated(point: Annotated[tuple[float, float], "energy", "field"]) -> float:
    return 0.0


def of_units(xy: tuple[Annotated[float, "meV"], Annotated[float, "T"]]) -> float:
    return 0.0


def of_same(point: Annotated[tuple[float, float], "a", "a"]) -> float:
    return 0.0


class Called:
    def __call__(self, point: Point) -> float:
        return 0.0


@pytest.mark.parametrize(
    ("function", "names", "labels"),
    [
        (of_named, ["x", "t"], ["energy (meV)", "field (T)", "of_named(energy, field)"]),
        (functools.partial(of_named), ["x", "t"], ["energy (meV)", "field (T)", "of_named(energy, field)"]),
        (of_named, ["x", "t", "s"], ["x", "t", "s", "of_named(x, t, s)"]),
        (of_annotated, ["x", "t"], ["energy", "field", "of_annotated(energy, field)"]),
        (of_units, ["x", "t"], ["x (meV)", "y  (T)", "of_units(x, y)"]),
        (of_same, ["x", "t"], ["x", "t", "of_same(x, t)"]),
        (Called(), ["x", "t"], ["energy (meV)", "field (T)", "y"]),
        (peak, ["x"], ["energy (meV)", "peak(energy) (e²/h)"]),
        (functools.partial(peak, width=2), ["x"], ["energy (meV)", "peak(energy) (e²/h)"]),
        (of_pair, ["x", "t"], ["u", "v", "of_pair(u, v)"]),
        (of_point, ["x", "t"], ["x", "t", "of_point(x, t)"]),
        (of_y, ["x"], ["y ", "of_y(y)"]),
        (lambda x: x, ["x"], ["x", "y"]),
        (badly_typed, ["x"], ["x", "badly_typed(x)"]),
        (max, ["x"], ["x", "max(x)"]),
    ],
)
def test_labels_come_from_the_function(function: Any, names: list[str], labels: list[str]) -> None:
    points, value = dimensions(function, names, "y")
    assert [each.pprint_label for each in (*points, value)] == labels
    assert [each.name for each in (*points, value)] == [*names, "y"]


def test_a_seed_is_no_coordinate() -> None:
    (x,), y = dimensions(seeded, ["x"], "y", is_pair=True)
    assert (x.label, y.label) == ("x", "seeded(x)")


def test_a_pair_of_seed_and_point_may_have_names() -> None:
    def noisy(pair: Annotated[tuple[int, float], "seed", "energy"]) -> float:
        return 0.0

    noisy.__annotations__["pair"] = Annotated[tuple[int, float], "seed", "energy"]  # not as text, for it is local
    (x,), y = dimensions(noisy, ["x"], "y", is_pair=True)
    assert (x.label, y.label) == ("energy", "noisy(energy)")


def test_the_axes_of_a_picture_have_them() -> None:
    learner = adaptive.Learner2D(of_named, [(-1, 1), (-1, 1)])
    adaptive.simple(learner, npoints_goal=20)
    assert axis_labels(learner.plot(), "bokeh") == ("energy (meV)", "field (T)")
