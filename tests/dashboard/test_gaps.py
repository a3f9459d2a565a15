"""Where a function has no value, pictures of the dashboard are blank, with a border that goes when it should."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import adaptive_dask as adaptive
from adaptive_dask import Infeasible, Log, Space
from adaptive_dask.dashboard.patch import Patch
from adaptive_dask.dashboard.samples.follower import with_gaps
from adaptive_dask.dashboard.samples.kinds import make_follower
from adaptive_dask.dashboard.samples.thinning import ThinLine, ThinPlane

SQUARE = [(-1, 1), (-1, 1)]


def disc(point: Any) -> float:
    if math.hypot(*point[:2]) < 0.5:
        raise Infeasible("in the disc")
    return float(point[0] + sum(point[2:]))


def line(x: float) -> float:
    if 0.2 < x < 0.6:
        raise Infeasible("no")
    return x


def lines(x: float) -> list[float]:
    return [line(x), -x]


LINES: dict[str, Callable[[], Any]] = {
    "Learner1D": lambda: adaptive.Learner1D(line, (-1, 1)),
    "vectors": lambda: adaptive.Learner1D(lines, (-1, 1)),
    "LearnerND": lambda: adaptive.LearnerND(lambda x: line(x[0]), [(-1, 1)]),
    "vectors, LearnerND": lambda: adaptive.LearnerND(lambda x: lines(x[0]), [(-1, 1)]),
    "Space": lambda: adaptive.Learner1D(lambda energy: line(math.log10(energy)), Space(energy=Log(0.1, 10))),
}
PLANES: dict[str, Callable[[], Any]] = {
    "Learner2D": lambda: adaptive.Learner2D(disc, SQUARE),
    "LearnerND": lambda: adaptive.LearnerND(disc, SQUARE),
    "Space": lambda: adaptive.Learner2D(lambda a, b: disc((a, b)), Space(a=(-1, 1), b=(-1, 1))),
}


class Picture:
    """The picture of a learner, and the note below it."""

    def __init__(self, learner: Any) -> None:
        self.learner = learner
        self.follower = make_follower(learner)
        self.data: dict[str, Any] = {}
        self.look()

    def look(self) -> dict[str, Any]:
        for _ in range(10):
            self.data = self.follower.prepare(self.follower.read(self.learner, []))
            if not self.follower.behind:
                return self.data
        raise AssertionError("There is always more to read.")

    def note(self) -> str:
        patch = Patch()
        self.follower.make_chart().show(self.data, patch)
        changes = json.loads(patch.encode())
        return str(next(value["text"] for what, _, value in changes if what == "put" and "text" in value))


@pytest.mark.parametrize("kind", LINES)
def test_a_line_has_a_gap(kind: str) -> None:
    learner = LINES[kind]()
    picture = Picture(learner)
    assert picture.note() == "No result yet."
    adaptive.simple(learner, npoints_goal=80)
    data = picture.look()
    np.testing.assert_allclose(data["border"], [0.2, 0.6], atol=0.05)
    inside = (data["x"] > 0.2) & (data["x"] < 0.6)
    assert np.isnan(data["y"][inside]).all()
    assert np.isfinite(data["y"][~inside]).all()
    assert f"80 points, {len(learner.infeasible)} of them infeasible" in picture.note()
    learner.forget_failures()
    data = picture.look()
    assert not len(data["border"])
    assert len(data["x"]) == data["npoints"] == learner.npoints < 80
    assert "infeasible" not in picture.note()


@pytest.mark.long
@pytest.mark.parametrize("kind", PLANES)
def test_a_plane_is_blank_inside_its_border(kind: str) -> None:
    learner = PLANES[kind]()
    picture = Picture(learner)
    adaptive.simple(learner, npoints_goal=500)
    data = picture.look()
    place = (np.arange(len(data["image"])) + 0.5) / len(data["image"]) * 2 - 1
    radii = np.hypot(*np.meshgrid(place, place))
    assert np.isnan(data["image"][radii < 0.45]).all()
    assert np.isfinite(data["image"][(radii > 0.65)]).mean() > 0.99
    ends = data["border"][~np.isnan(data["border"][:, 0])]
    assert len(ends) > 30
    assert np.abs(np.hypot(*ends.T) - 0.5).max() < 0.12
    assert f"500 points, {len(learner.infeasible)} of them infeasible (hollow);" in picture.note()
    learner.forget_failures()
    data = picture.look()
    assert not len(data["border"])
    assert np.isfinite(data["image"]).mean() > 0.99
    assert np.isfinite(data["values"]).all()
    assert data["npoints"] == learner.npoints < 500


def test_a_projection_leaves_points_without_a_value_out() -> None:
    learner = adaptive.LearnerND(disc, [*SQUARE, (0, 1)])
    adaptive.simple(learner, npoints_goal=300)
    picture = Picture(learner)
    assert len(picture.data["points"]) == 300 - len(learner.infeasible) < 300
    assert np.hypot(*picture.data["points"].T).min() >= 0.5
    assert "of them infeasible, " in picture.note()
    assert "hollow" not in picture.note()


@pytest.mark.parametrize("make", [LINES["Learner1D"], PLANES["LearnerND"]])
def test_a_value_that_replaces_a_failure_is_drawn(make: Callable[[], Any]) -> None:
    """Then there are as many points as before."""
    learner = make()
    adaptive.simple(learner, npoints_goal=60)
    picture = Picture(learner)
    learner.tell_many(points := list(learner.infeasible), [7.0] * len(points))
    data = picture.look()
    assert not len(data["border"])
    assert np.count_nonzero(data["y" if "y" in data else "values"] == 7) == len(points) > 0
    assert data["npoints"] == 60


@pytest.mark.long
@pytest.mark.parametrize("make", [*LINES.values(), *PLANES.values()])
def test_nothing_but_points_without_a_value(make: Callable[[], Any]) -> None:
    learner = make()
    picture = Picture(learner)
    for count in (1, 3, 20):
        points, _ = learner.ask(count)
        learner.tell_many(points, [Infeasible("all")] * count)
        assert not len(picture.look()["border"])
        assert picture.note()
    learner.tell(learner.ask(1)[0][0], [1.0, 2.0] if isinstance(learner, adaptive.Learner1D) else 1.0)
    assert picture.look()["npoints"] == 25
    assert picture.note()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_values_that_are_not_finite_have_no_border(value: float) -> None:
    for learner in (adaptive.Learner1D(line, (-1, 1)), adaptive.LearnerND(disc, SQUARE)):
        points, _ = learner.ask(40)
        learner.tell_many(points, [value if i % 7 == 3 else float(i) for i in range(40)])
        picture = Picture(learner)
        assert not len(picture.data["border"])
        assert "infeasible" not in picture.note()
    learner.tell((0.013, 0.017), Infeasible("one"))
    assert len(picture.look()["border"])


def test_which_nan_is_a_gap() -> None:
    learner = adaptive.Learner1D(line, (-1, 1))
    learner.tell_many([0.0, 0.5], [1.0, Infeasible("no")])
    values = with_gaps(learner, [0.0, 0.5], np.array([[math.nan, 1.0], [math.nan, math.nan]]))
    np.testing.assert_array_equal(values, [[math.inf, 1.0], [math.nan, math.nan]])


def test_thinning_keeps_gaps_and_peaks_beside_them() -> None:
    rng = np.random.default_rng(3)
    points = rng.uniform(0, 1, (100_000, 2))
    values = np.where(points[:, 0] < 0.5, np.nan, 2 + points[:, 1])
    values[77], points[77] = 9.0, (0.5000001, 0.5)
    line, plane = ThinLine(0, 1), ThinPlane(np.zeros(2), np.ones(2))
    for i in range(0, len(points), 5000):
        line.add(points[i : i + 5000, 0], values[i : i + 5000, None])
        plane.add(points[i : i + 5000], values[i : i + 5000])
    for x, kept in ((line.x, line.y[:, 0]), (plane.points[:, 0], plane.values)):
        assert len(kept) <= 6000
        assert np.array_equal(np.isnan(kept), x < 0.5)
        assert 0.3 < np.isnan(kept).mean() < 0.7
        assert (np.nanmin(kept), np.nanmax(kept)) == (np.nanmin(values), 9.0)


@pytest.mark.parametrize("kind", ["Learner1D", "LearnerND"])
def test_a_line_ends_where_it_is_known_beforehand(kind: str) -> None:
    if kind == "Learner1D":
        learner: Any = adaptive.Learner1D(abs, (-1, 1), feasible=lambda x: not 0.2 < x < 0.6)
    else:
        learner = adaptive.LearnerND(lambda x: x[0], [(-1, 1)], feasible=lambda x: not 0.2 < x[0] < 0.6)
    adaptive.simple(learner, npoints_goal=60)
    picture = Picture(learner)
    gaps = picture.data["x"][np.isnan(picture.data["y"][:, 0])]
    assert len(gaps)
    assert (np.abs(gaps - 0.4) < 0.2).all()
    np.testing.assert_allclose(picture.data["border"], [0.2, 0.6], atol=0.1)
    assert picture.data["npoints"] == 60
    assert "infeasible" not in picture.note()


@pytest.mark.parametrize("kind", [adaptive.Learner2D, adaptive.LearnerND])
def test_what_is_known_beforehand_is_blank_as_well(kind: Any) -> None:
    learner = kind(sum, SQUARE, feasible=lambda point: math.hypot(*point) > 0.5)
    adaptive.simple(learner, npoints_goal=300)
    picture = Picture(learner)
    middle = len(picture.data["image"]) // 2
    assert np.isnan(picture.data["image"][middle, middle])
    assert len(picture.data["border"]) > 30
    assert len(picture.data["points"]) == 300
    assert "infeasible" not in picture.note()
