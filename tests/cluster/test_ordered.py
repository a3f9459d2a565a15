"""Ordered runs: the same points and values in the same order, wherever and however fast they are evaluated."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from distributed import Client, LocalCluster

import adaptive_dask as adaptive
from adaptive_dask.runner import SequentialExecutor

from ..fakes import CountingLearner
from ..patience import TIMEOUT, wait_until
from ..runner.conftest import open_executor

NTASKS = 9


def late(value: Any) -> Any:
    """A value after a random time, which no seed of a test decides."""
    import random
    import time

    time.sleep(random.SystemRandom().choice([0.0, 0.0, 0.001, 0.02]))
    return value


def peak(x: float) -> float:
    return x + 0.01 / (0.01 + x * x)


def late_peak(x: float) -> float:
    return late(peak(x))


def hill(point: Any) -> float:
    return 1 / (0.1 + sum(x * x for x in point))


def late_hill(point: Any) -> float:
    return late(hill(point))


def noise(seed: int) -> float:
    return (seed * 7919 % 104729) / 104729


def late_noise(seed: int) -> float:
    return late(noise(seed))


def line(function: Callable[[float], float]) -> adaptive.Learner1D:
    return adaptive.Learner1D(function, bounds=(-1, 1))


# Of each learner: how it is made with a function, the function, and the same function with delays.
LEARNERS: dict[str, tuple[Callable[[Any], Any], Any, Any]] = {
    "Learner1D": (line, peak, late_peak),
    "Learner2D": (lambda f: adaptive.Learner2D(f, [(-1, 1), (-1, 2)]), hill, late_hill),
    "LearnerND": (lambda f: adaptive.LearnerND(f, [(-1, 1), (-1, 2), (0, 1)]), hill, late_hill),
    "AverageLearner": (lambda f: adaptive.AverageLearner(f, atol=0.001), noise, late_noise),
    "SequenceLearner": (lambda f: adaptive.SequenceLearner(f, range(200)), noise, late_noise),
    "DataSaver": (lambda f: adaptive.DataSaver(line(f), arg_picker=float), peak, late_peak),
    "BalancingLearner": (lambda f: adaptive.BalancingLearner([line(f), line(f)]), peak, late_peak),
}


def data_of(learner: Any) -> str:
    """Points and values in the order in which they were told, to the last bit."""
    children = getattr(learner, "learners", [learner])
    return repr([list(getattr(child, "learner", child).data.items()) for child in children])


def run(kind: str, executor: Any, delays: bool) -> str:
    make, at_once, delayed = LEARNERS[kind]
    learner = make(delayed if delays else at_once)
    goal = 30 if kind == "BalancingLearner" else 60
    adaptive.Runner(learner, npoints_goal=goal, executor=executor, ordered=True, ntasks=NTASKS).result(TIMEOUT)
    return data_of(learner)


@pytest.fixture(scope="module")
def expected() -> dict[str, str]:
    """What one point after the other gives."""
    return {kind: run(kind, SequentialExecutor(), delays=False) for kind in LEARNERS}


@pytest.fixture(scope="module", params=[1, 2, 7])
def workers(request: pytest.FixtureRequest) -> Iterator[Client]:
    with (
        LocalCluster(
            n_workers=request.param,
            threads_per_worker=2 if request.param == 2 else 1,
            processes=False,
            dashboard_address="127.0.0.1:0",
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        client.wait_for_workers(request.param, timeout=TIMEOUT)
        yield client


@pytest.mark.long
@pytest.mark.parametrize("kind", LEARNERS)
def test_on_a_cluster(workers: Client, kind: str, expected: dict[str, str]) -> None:
    assert run(kind, workers, delays=True) == expected[kind]


@pytest.fixture(scope="module", params=["threads", "processes"])
def pool(request: pytest.FixtureRequest) -> Iterator[Any]:
    if request.param == "threads":
        with ThreadPoolExecutor(3) as executor:
            yield executor
    else:
        with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("forkserver")) as executor:
            yield executor


@pytest.mark.parametrize("delays", [False, True])
@pytest.mark.parametrize("kind", LEARNERS)
def test_on_a_pool(pool: Any, kind: str, delays: bool, expected: dict[str, str]) -> None:
    assert run(kind, pool, delays) == expected[kind]


def test_the_number_of_points_out_decides_the_data(expected: dict[str, str]) -> None:
    learner = line(peak)
    adaptive.BlockingRunner(learner, npoints_goal=60, executor=SequentialExecutor(), ordered=True, ntasks=2)
    assert data_of(learner) != expected["Learner1D"], "or the tests above would show nothing"


def third_hangs(x: int, folder: str) -> int:
    """The second point is done when the third has begun, which takes until there is a file."""
    import os
    import time

    begun, gate = os.path.join(folder, "begun"), os.path.join(folder, "gate")
    if x == 2:
        open(begun, "w").close()
    while x and not os.path.exists(begun if x == 1 else gate):
        time.sleep(0.005)  # between two looks
    return x


@pytest.mark.parametrize("kind", ["threads", "client"])
def test_what_is_dropped_at_the_goal_is_not_waited_for(kind: str, tmp_path: Path) -> None:
    learner = CountingLearner(partial(third_hangs, folder=str(tmp_path)))
    with open_executor(kind) as executor:
        runner = adaptive.Runner(
            learner, goal=lambda learner: learner.npoints >= 2, executor=executor, ordered=True, ntasks=3
        )
        try:
            runner.result(TIMEOUT)
        finally:
            (tmp_path / "gate").touch()
    assert learner.data == {0: 0, 1: 1}


@pytest.mark.long
def test_when_a_worker_is_killed(own_client: Client, kill_worker: Callable[[int], None]) -> None:
    def run(executor: Any) -> Any:
        learner = line(late_peak)
        return adaptive.Runner(learner, npoints_goal=400, executor=executor, ordered=True, ntasks=NTASKS)

    runner = run(own_client)
    wait_until(lambda: runner.info().get("npoints", 0) > 50)
    kill_worker(0)
    learner = runner.result(TIMEOUT)
    assert runner.failed == set()
    with ThreadPoolExecutor(4) as threads:
        assert data_of(learner) == data_of(run(threads).result(TIMEOUT))
