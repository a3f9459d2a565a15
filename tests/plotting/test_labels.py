"""What stands at the axes."""

from __future__ import annotations

import functools
from typing import Annotated, Any

import pytest

from adaptive_dask.plotting.labels import dimensions


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


@pytest.mark.parametrize(
    ("function", "names", "labels"),
    [
        (peak, ["x"], ["energy (meV)", "peak(energy) (e²/h)"]),
        (functools.partial(peak, width=2), ["x"], ["energy (meV)", "peak(energy) (e²/h)"]),
        (of_pair, ["x", "t"], ["u", "v", "of_pair(u, v)"]),
        (of_point, ["x", "t"], ["x", "t", "of_point(x, t)"]),
        (of_y, ["x"], ["x", "of_y(y)"]),
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
