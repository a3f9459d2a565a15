"""Followers take out of each kind of learner what its picture shows: all of it, and never more than can be seen."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import scipy.stats
from bokeh.models import CustomJSTickFormatter
from bokeh.plotting import figure

import adaptive_dask as adaptive
from adaptive_dask.dashboard.patch import Patch
from adaptive_dask.dashboard.samples import follower as follower_module
from adaptive_dask.dashboard.samples.kinds import make_follower
from adaptive_dask.dashboard.samples.part import Following, Samples
from adaptive_dask.dashboard.samples.thinning import COLUMNS, MOST_POINTS, ThinLine, ThinPlane


def product(xs: Any) -> float:
    return float(np.prod(xs))


def noise(seed: int) -> float:
    return math.sin(seed)


def noisy(point: tuple[int, float]) -> float:
    seed, x = point
    return x + 0.1 * math.sin(100 * seed)


def named(x: float) -> dict[str, float]:
    return {"y": x}


LEARNERS: dict[str, Callable[[], Any]] = {
    "1D": lambda: adaptive.Learner1D(math.sin, (-1, 1)),
    "1D, two values": lambda: adaptive.Learner1D(lambda x: [x, -x], (-1, 1)),
    "2D": lambda: adaptive.Learner2D(product, [(-1, 1), (-1, 1)]),
    "line of an ND": lambda: adaptive.LearnerND(sum, [(-1, 1)]),
    "3D": lambda: adaptive.LearnerND(product, [(-1, 1)] * 3),
    "hull": lambda: adaptive.LearnerND(product, _hull()),
    "sparse grid of a line": lambda: adaptive.SparseGridLearner(sum, [(-1, 1)]),
    "sparse grid": lambda: adaptive.SparseGridLearner(product, [(-1, 1), scipy.stats.norm()]),
    "sparse grid, 3D": lambda: adaptive.SparseGridLearner(product, [(-1, 1)] * 3),
    "average": lambda: adaptive.AverageLearner(noise, atol=1e-6),
    "average 1D": lambda: adaptive.AverageLearner1D(noisy, (-1, 1)),
    "rational": lambda: adaptive.RationalLearner1D(math.sin, (-1, 1)),
    "rational, complex": lambda: adaptive.RationalLearner1D(lambda x: 1 / (x + 0.01j), (-1, 1)),
    "integrator": lambda: adaptive.IntegratorLearner(math.cos, (-1, 1), tol=1e-14),
    "balancing": lambda: adaptive.BalancingLearner([adaptive.Learner1D(math.cos, (0, i)) for i in range(1, 9)]),
    "sequence": lambda: adaptive.SequenceLearner(math.sqrt, range(1000)),
    "sequence of words": lambda: adaptive.SequenceLearner(str.upper, ["a", "b", "c"] * 50),
    "saver": lambda: adaptive.DataSaver(adaptive.Learner1D(named, (-1, 1)), lambda value: value["y"]),
}


def _hull() -> Any:
    from scipy.spatial import ConvexHull

    return ConvexHull([(0, 0), (1, 0), (0, 1)])


def evaluate(learner: Any, count: int) -> None:
    for _ in range(count):
        points, _ = learner.ask(1)
        if not points:
            return
        learner.tell(points[0], learner.function(points[0]))


class Page:
    """The part of a page with the samples, and what a browser is sent."""

    def __init__(self, learner: Any) -> None:
        self.session = SimpleNamespace(learner=learner, points=SimpleNamespace(in_flight={}))
        self.part = Samples()
        self.sent: list[list[Any]] = []
        feed = SimpleNamespace(position=0)
        self.run = SimpleNamespace(id="1", feed=feed, status="running", assignments=SimpleNamespace(in_flight=0))

    def look(self) -> bool:
        """One look, as a `View` does it."""
        self.run.feed.position += 1
        patch = Patch()
        self.part.update(SimpleNamespace(run=self.run), patch)  # type: ignore[arg-type]
        if patch:
            self.send(patch.encode())
        reading = self.part.reading(self.run)
        if reading is None:
            return False
        self.part.show(reading.prepare(reading.read(self.session)), self)  # type: ignore[arg-type]
        return True

    def send(self, patch: str) -> None:
        self.sent.append(json.loads(patch))

    @property
    def notes(self) -> list[str]:
        return [value["text"] for what, _, value in self.sent[-1] if what == "put" and "text" in value]


@pytest.mark.parametrize("kind", LEARNERS)
def test_every_kind_has_its_picture_from_the_first_point_on(kind: str) -> None:
    learner = LEARNERS[kind]()
    page = Page(learner)
    page.look()
    for count in (1, 1, 10, 60):
        evaluate(learner, count)
        page.session.points.in_flight = dict(enumerate(learner.ask(2, tell_pending=False)[0]))
        page.look()
    page.look()
    assert page.sent
    assert page.notes[-1]
    filled = [value for what, _, value in page.sent[-1] if what == "fill"]
    assert any(len(column) for columns in filled for column in columns.values())


def test_learners_of_which_nothing_is_known_are_told_so() -> None:
    page = Page(SimpleNamespace(ask=None, tell=None))
    page.look()
    page.look()
    assert "keeps no table" in page.notes[-1]


def test_both_axes_of_a_plane_have_the_names_of_the_space() -> None:
    space = adaptive.Space({"width": (1, 2), "height": adaptive.Log(1, 100)})
    chart = make_follower(adaptive.LearnerND(lambda width, height: width * height, space)).make_chart()
    (plot,) = chart.root.select({"type": figure})
    assert [plot.xaxis[0].axis_label, plot.yaxis[0].axis_label] == ["width", "height"]
    assert isinstance(plot.yaxis[0].formatter, CustomJSTickFormatter)


def test_another_run_never_has_the_picture_of_the_one_before() -> None:
    """Its learner may be busy for long: meanwhile the page says that it waits."""
    first = LEARNERS["1D"]()
    evaluate(first, 20)
    page = Page(first)
    page.look()
    chart = page.part._chart.root
    assert page.part.root.children[-1] is chart
    page.run = SimpleNamespace(**{**vars(page.run), "id": "2"})
    reading = page.part.reading(page.run)
    assert reading is None  # before the page shows the other run
    late = page.part.reading(SimpleNamespace(**{**vars(page.run), "id": "1", "status": "finished"}))
    assert late is not None
    data = late.prepare(late.read(page.session))
    patch = Patch()
    page.part.update(SimpleNamespace(run=page.run), patch)
    changes = [(what, id, value) for what, id, value in json.loads(patch.encode())]
    assert ("put", chart.id, {"visible": False}) in changes
    assert ("put", page.part._waiting.id, {"visible": True}) in changes
    page.sent.clear()
    page.part.show(data, page)
    assert page.sent == []
    page.session = SimpleNamespace(learner=LEARNERS["2D"](), points=SimpleNamespace(in_flight={}))
    page.look()
    assert page.part.root.children[-1] is page.part._chart.root is not chart
    assert page.sent[-1] == [["put", page.part._waiting.id, {"visible": False}]]


def test_a_large_run_is_read_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower_module, "MOST_NEW", 100)
    learner = adaptive.Learner2D(product, [(-1, 1), (-1, 1)])
    points = np.random.default_rng(0).uniform(-1, 1, (1000, 2))
    learner.tell_many(points, points.prod(axis=1))
    follower = make_follower(learner)
    looks = 0
    follower.behind = True
    while follower.behind:
        data = follower.prepare(follower.read(learner, []))
        looks += 1
    assert looks == 10
    assert data["npoints"] == len(data["points"]) == 1000


@pytest.mark.long
def test_what_a_view_keeps_of_many_updates_is_bounded() -> None:
    """As of a page that is open for half an hour, with two looks a second."""
    learner = adaptive.Learner1D(math.sin, (-1, 1))
    rng = np.random.default_rng(0)
    page = Page(learner)
    page.look()
    for _ in range(3600):
        xs = rng.uniform(-1, 1, 10)
        learner.tell_many(xs, np.sin(50 * xs))
        page.look()
        page.sent = page.sent[-1:]
    assert len(json.dumps(page.sent)) < 100_000
    chart = page.part._chart
    assert sum(len(source.data["x"]) for source in (chart._points, chart._newest)) < 10_000
    assert len(page.part._following.follower._thin.x) <= 2 * COLUMNS


def test_a_thin_line_keeps_peaks_and_ends() -> None:
    rng = np.random.default_rng(1)
    x = rng.uniform(-1, 1, 200_000)
    y = np.where(abs(x - 0.3) < 2e-5, 5.0, np.sin(x))
    thin = ThinLine(-1, 1)
    for i in range(0, len(x), 5000):
        thin.add(x[i : i + 5000], y[i : i + 5000, np.newaxis])
    assert len(thin.x) <= 2 * COLUMNS
    assert thin.y.max() == y.max() == 5
    assert thin.y.min() == y.min()


@pytest.mark.parametrize("width", [1.0, 0.02])
def test_a_thin_plane_keeps_peaks_and_as_many_points_as_it_may(width: float) -> None:
    rng = np.random.default_rng(2)
    points = np.clip(rng.normal(0.5, width, (100_000, 2)), 0, 1)
    values = np.where(np.arange(len(points)) == 12_345, 7.0, np.sin(points.sum(axis=1)))
    thin = ThinPlane(np.zeros(2), np.ones(2))
    for i in range(0, len(points), 1000):
        thin.add(points[i : i + 1000], values[i : i + 1000])
    assert MOST_POINTS / 5 < len(thin.points) <= MOST_POINTS
    assert (thin.values.max(), thin.values.min()) == (values.max(), values.min())
    known = {tuple(row) for row in np.column_stack([points, values])}
    assert all(tuple(row) in known for row in np.column_stack([thin.points, thin.values]))


def test_frames_are_valid_json_whatever_is_in_them() -> None:
    from bokeh.models import ColumnDataSource

    patch = Patch()
    source = ColumnDataSource()
    patch.fill(source, {"a": np.array([1.0, np.nan, np.inf]), "b": ["</script>", "x", "y"], "c": np.arange(100.0)})
    patch.put(source, tags=[math.nan, "ü"])
    (what, id, columns), _ = json.loads(patch.encode())
    assert (what, id) == ("fill", source.id)
    assert columns["a"] == [1.0, None, None]
    assert columns["b"] == ["</script>", "x", "y"]
    assert list(columns["c"]) == ["f8"]


def test_a_learner_that_is_registered_as_its_own_inside_does_not_hold_the_learners_thread() -> None:
    class Wrapper(adaptive.SequenceLearner): ...

    adaptive.learner.kinds.register(Wrapper, inside=lambda learner: learner)
    with pytest.raises(ValueError, match="in a Wrapper"):
        Following().read(SimpleNamespace(learner=Wrapper(str, [1])))
