"""Spaces with axes of whole numbers, alone and with other axes, for every learner that takes them."""

from __future__ import annotations

import itertools
import math
import pickle
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import adaptive_dask as adaptive
from adaptive_dask import Int, Log, Periodic, Space
from adaptive_dask.learner.axes.door import TAKES
from adaptive_dask.testing import GUARANTEES, check_learner

Make = Callable[[Space], Any]


def line(n: int) -> float:
    assert type(n) is int
    return math.tanh(n - 3.4) + 0.01 * n


def noisy(seed: int, n: int) -> float:
    return line(n) + 0.1 * math.sin(1e4 * seed)


def plane(n: int, m: int) -> float:
    assert type(n) is type(m) is int
    return math.tanh(n - m - 0.4) + 0.01 * n


def space(n: int, m: int, k: int) -> float:
    assert type(k) is int
    return plane(n, m) + k


def with_x(n: int, x: float) -> float:
    assert type(n) is int
    return math.tanh(3 * (n - x)) + 0.01 * n


def with_two(n: int, x: float, m: int) -> float:
    assert type(m) is int
    return with_x(n, x) + m


def with_material(n: int, material: str) -> float:
    return line(n) + len(material)


LINE: dict[str, Make] = {
    "Learner1D": lambda space: adaptive.Learner1D(line, space),
    "AverageLearner1D": lambda space: adaptive.AverageLearner1D(noisy, space, min_samples=3, max_samples=6),
    "RationalLearner1D": lambda space: adaptive.RationalLearner1D(line, space),
    "LearnerND": lambda space: adaptive.LearnerND(lambda n: line(n), space),
    "LearnerND, boxes": lambda space: adaptive.LearnerND(lambda n: line(n), space, partition="boxes"),
    "SparseGridLearner": lambda space: adaptive.SparseGridLearner(line, space),
    "SKOptLearner": lambda space: adaptive.SKOptLearner(line, space, n_initial_points=200),
}

PLANE: dict[str, Make] = {
    "Learner2D": lambda space: adaptive.Learner2D(plane, space),
    "LearnerND": lambda space: adaptive.LearnerND(plane, space),
    "LearnerND, anisotropic": lambda space: adaptive.LearnerND(plane, space, anisotropic=True),
    "LearnerND, boxes": lambda space: adaptive.LearnerND(plane, space, partition="boxes"),
    "SparseGridLearner": lambda space: adaptive.SparseGridLearner(plane, space),
    "SKOptLearner": lambda space: adaptive.SKOptLearner(plane, space, n_initial_points=200),
}

SPACE: dict[str, Make] = {
    "LearnerND": lambda box: adaptive.LearnerND(space, box),
    "LearnerND, boxes": lambda box: adaptive.LearnerND(space, box, partition="boxes"),
    "SparseGridLearner": lambda box: adaptive.SparseGridLearner(space, box),
    "SKOptLearner": lambda box: adaptive.SKOptLearner(space, box, n_initial_points=200),
}

# Names of the learners, with spaces that have an end.
FINITE: dict[str, tuple[Make, list[Space]]] = {
    **{f"{name}, 1": (make, [Space(n=Int(0, 1)), Space(n=Int(-7, 9))]) for name, make in LINE.items()},
    **{
        f"{name}, 2": (make, [Space(n=Int(0, 1), m=Int(3, 4)), Space(n=Int(-2, 6), m=Int(1, 5))])
        for name, make in PLANE.items()
    },
    **{f"{name}, 3": (make, [Space(n=Int(0, 3), m=Int(-1, 1), k=Int(1, 4))]) for name, make in SPACE.items()},
}

TAKE_WHOLE = {name for name, takes in TAKES.items() if Int in takes.axes}


def taken(cases: dict[str, Any]) -> list[str]:
    """The cases of learners that take whole numbers."""
    return [name for name in cases if name.split(",")[0] in TAKE_WHOLE]


def all_points(space: Space, learner: Any) -> set[Any]:
    ranges = [range(int(axis.low), int(axis.high) + 1) for axis in space.numeric]
    is_row = isinstance(learner.bounds, list)
    return {point if is_row else point[0] for point in itertools.product(*ranges)}


def place(point: Any, learner: Any) -> Any:
    return point[1] if isinstance(learner.learner, adaptive.AverageLearner1D) else point


@pytest.mark.long
@pytest.mark.parametrize("name", taken(FINITE))
@pytest.mark.parametrize("seed", range(3))
def test_each_point_is_asked_for_once_in_any_order_and_grouping(name: str, seed: int) -> None:
    make, spaces = FINITE[name]
    for finite in spaces:
        learner, rng = make(finite), random.Random(seed)
        everything = all_points(finite, learner)
        asked: list[Any] = []
        in_flight: list[Any] = []
        failed = False
        for _ in range(2000):
            points, gains = learner.ask(n := rng.choice([1, 1, 2, 3, 7, 20]))
            assert len(points) == len(gains) <= n
            asked += points
            in_flight += points
            if not in_flight:
                break
            assert len(set(asked)) == len(asked)
            rng.shuffle(in_flight)
            k = rng.randint(0, len(in_flight))
            told, in_flight = in_flight[:k], in_flight[k:]
            learner.tell_many(told, [math.nan if rng.random() < 0.1 else learner.function(x) for x in told])
            if rng.random() < 0.2 and not failed:  # as after a failure: forgotten, and asked for again
                failed = True
                asked = [x for x in asked if x not in in_flight]
                learner.remove_unfinished()
                in_flight = []
        assert {place(x, learner) for x in asked} == set(learner.data) == everything
        assert learner.done()
        assert learner.loss() == learner.loss(real=False) == 0
        assert learner.ask(5) == ([], [])


@pytest.mark.parametrize("name", taken(FINITE))
def test_a_run_ends_when_all_is_known(name: str) -> None:
    make, spaces = FINITE[name]
    learner = make(spaces[-1])
    adaptive.simple(learner)
    assert set(learner.data) == all_points(spaces[-1], learner)
    assert not learner.pending_points


@pytest.mark.long
@pytest.mark.parametrize("name", taken(FINITE))
def test_results_by_hand_and_from_a_file(name: str, tmp_path: Path) -> None:
    make, spaces = FINITE[name]
    learner = make(spaces[-1])
    everything = sorted(all_points(spaces[-1], learner))
    of_samples = isinstance(learner.learner, adaptive.AverageLearner1D)
    random.Random(0).shuffle(everything)
    half = everything[: len(everything) // 2]
    points = [(seed, x) for x in half for seed in range(6)] if of_samples else half
    learner.tell_many(points, map(learner.function, points))
    learner.save(tmp_path / "data")
    copies = [pickle.loads(pickle.dumps(learner)), learner.new(), learner.new()]
    copies[1].copy_from(learner)
    copies[2].load(tmp_path / "data")
    for copy in (*copies, learner):
        assert list(copy.data) == half
        asked = []
        while points := copy.ask(7)[0]:
            asked += points
            copy.tell_many(points, map(copy.function, points))
        assert {place(x, copy) for x in asked}.isdisjoint(half)
        assert set(copy.data) == set(everything)
        assert copy.done()


# Every kind of axis beside whole numbers.
MIXED: dict[str, tuple[Make, Space]] = {
    f"{name}, {kind}": (make, Space(n=Int(-3, 8), x=axis))
    for name, make in {
        "Learner2D": lambda space: adaptive.Learner2D(with_x, space),
        "LearnerND": lambda space: adaptive.LearnerND(with_x, space),
        "LearnerND, boxes": lambda space: adaptive.LearnerND(with_x, space, partition="boxes"),
        "SparseGridLearner": lambda space: adaptive.SparseGridLearner(with_x, space),
        "SKOptLearner": lambda space: adaptive.SKOptLearner(with_x, space, n_initial_points=200),
    }.items()
    for kind, axis in {"real": (0, 1), "log": Log(0.1, 10), "periodic": Periodic(0, 1)}.items()
    if not isinstance(axis, Periodic) or Periodic in TAKES[name.split(",")[0]].axes
} | {
    f"{name}, between": (make, Space(n=Int(-3, 8), x=Log(0.1, 10), m=Int(0, 10**9)))
    for name, make in {
        "LearnerND": lambda space: adaptive.LearnerND(with_two, space),
        "LearnerND, boxes": lambda space: adaptive.LearnerND(with_two, space, partition="boxes"),
        "SparseGridLearner": lambda space: adaptive.SparseGridLearner(with_two, space),
    }.items()
}


@pytest.mark.long
@pytest.mark.parametrize("name", taken(MIXED))
@pytest.mark.parametrize("at_a_time", [1, 7])
def test_mixed_spaces_have_whole_numbers_along_their_axes(name: str, at_a_time: int) -> None:
    make, mixed = MIXED[name]
    learner = make(mixed)
    asked: list[Any] = []
    while len(asked) < 90:
        points, _ = learner.ask(at_a_time)
        assert points
        asked += points
        learner.tell_many(points, map(learner.function, points))
    assert len(set(asked)) == len(asked)
    for point in asked:
        for axis, coordinate in zip(mixed.numeric, point, strict=True):
            assert axis.low <= coordinate <= axis.high
            assert type(coordinate) is (int if isinstance(axis, Int) else float)
    copy = pickle.loads(pickle.dumps(learner))
    assert copy.data == learner.data
    assert all(type(x[0]) is int for x in copy.ask(20)[0])


@pytest.mark.parametrize("name", ["Learner1D", "RationalLearner1D", "SparseGridLearner", "LearnerND"])
def test_categories_of_whole_numbers(name: str) -> None:
    many: Any = getattr(adaptive, name)(with_material, Space(material=["Si", "GaAs"], n=Int(1, 5)))
    adaptive.simple(many)
    assert [child.npoints for child in many.learners] == [5, 5]
    assert len(many.data) == 10


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in taken(MIXED) if "log" in name and "SKOpt" not in name])
def test_every_guarantee(name: str) -> None:
    make, mixed = MIXED[name]
    held = check_learner(lambda: make(mixed), n=30, max_seconds=2.0)
    assert set(GUARANTEES) <= set(held)
