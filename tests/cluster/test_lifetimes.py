"""Workers whose lifetime ends: no point is begun that would not be finished, and none waits for ever."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from pathlib import Path

import dask
import pytest
from distributed import Client, LocalCluster, Scheduler, SpecCluster, Worker

import adaptive_dask as adaptive
from adaptive_dask.cluster.scheduler_assignments import Assignments, OutgoingPoint
from adaptive_dask.cluster.scheduler_lifetimes import FRESH_SHARE, MARGIN, OVERDUE_S, Lifetimes
from adaptive_dask.cluster.worker_lifetime import lifetime_of
from adaptive_dask.errors import WorkerLostError

from ..patience import TIMEOUT, wait_until
from ..settings import change
from .conftest import assert_clean, host_of
from .functions import lasting

pytestmark = pytest.mark.long


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def assignments(clock: Clock) -> Assignments:
    assignments = Assignments()
    assignments.lifetimes = Lifetimes(clock)
    return assignments


def points(*ids: int) -> list[OutgoingPoint]:
    return [OutgoingPoint(pid, float(pid), False) for pid in ids]


def placed(assigned: dict[str, list[OutgoingPoint]]) -> dict[str, list[int]]:
    return {worker: [point.pid for point in some] for worker, some in assigned.items()}


# ---- the bookkeeping


def test_without_lifetimes_any_worker_has_time(assignments: Assignments) -> None:
    assignments.set_slots("a", 2)
    assignments.measure([1e9], None)
    assert not assignments.lifetimes
    assert assignments.room(0, None) == 2
    assert placed(assignments.assign(points(0, 1))[0]) == {"a": [0, 1]}


def test_points_go_where_they_are_expected_to_be_finished(assignments: Assignments, clock: Clock) -> None:
    assignments.set_slots("a", 1, (100.0, 100.0))
    assignments.set_slots("b", 1, (100.0, 50.0))
    assert assignments.room(0, None) == 2, "nothing is known of the points"
    assignments.measure([40.0], None)
    assert assignments.room(0, None) == 2
    clock.now += 10.0
    assert assignments.room(0, None) == 1
    assigned, left = assignments.assign(points(0, 1))
    assert placed(assigned) == {"a": [0, 1]}
    assert left == []
    clock.now += 50.0
    assert assignments.assign(points(2)) == ({}, points(2))
    assignments.set_slots("c", 1)
    assert placed(assignments.assign(points(2))[0]) == {"c": [2]}


def test_points_under_way_on_a_leaving_worker_take_no_others_place(assignments: Assignments, clock: Clock) -> None:
    assignments.set_slots("a", 1, (100.0, 100.0))
    assignments.set_slots("b", 1, (100.0, 60.0))
    assignments.assign(points(0, 1))
    assignments.measure([50.0], None)
    assignments.take_back("a", [0, 1])
    clock.now += 20.0
    assert assignments.in_flight == 1
    assert assignments.room(0, None) == 1
    assert assignments.room(0, 1) == 0, "one is out"


def test_durations_that_differ_need_more_time(assignments: Assignments) -> None:
    assignments.set_slots("a", 1, (100.0, 100.0))
    for seconds in [10.0, 30.0] * 50:
        assignments.measure([seconds], None)
    assert 30.0 < assignments.lifetimes.need < 50.0
    assignments.measure([20.0] * 1000, None)
    assert assignments.lifetimes.need == pytest.approx(20.0)


def test_points_that_seem_too_long_are_begun_on_fresh_workers(assignments: Assignments, clock: Clock) -> None:
    assignments.measure([1000.0], None)
    assignments.set_slots("a", 1, (100.0, 100.0 * FRESH_SHARE * MARGIN))
    assignments.set_slots("b", 1, (100.0, 100.0 * FRESH_SHARE))
    assert assignments.lifetimes.need == FRESH_SHARE * 100.0
    assert placed(assignments.assign(points(0, 1))[0]) == {"a": [0, 1]}
    assignments.set_slots("c", 1)  # stays
    assert assignments.lifetimes.need == 1000.0
    assert placed(assignments.assign(points(2, 3))[0]) == {"c": [2, 3]}
    assignments.drop("c")
    assert assignments.lifetimes.need == FRESH_SHARE * 100.0


def test_a_point_that_was_cut_off_waits_for_a_fresh_worker(assignments: Assignments, clock: Clock) -> None:
    assignments.measure([1.0] * 100, None)
    assignments.set_slots("a", 1, (100.0, 30.0))
    assignments.assign(points(0, 1))
    clock.now += 30.0
    assert assignments.lifetimes.is_over("a")
    assert assignments.drop("a") == ([0, 1], {0})
    assignments.set_slots("b", 1, (100.0, 50.0))
    assigned, left = assignments.assign(points(0, 1))
    assert placed(assigned) == {"b": [1]}, "it had not begun"
    assert left == points(0)
    assignments.set_slots("c", 1, (100.0, 100.0))
    assert placed(assignments.assign(left)[0]) == {"c": [0]}


def test_who_goes_early_does_not_go_for_its_lifetime(assignments: Assignments, clock: Clock) -> None:
    assignments.set_slots("a", 1, (100.0, 30.0))
    assignments.assign(points(0))
    clock.now += 29.0 - OVERDUE_S
    assert not assignments.lifetimes.is_over("a")
    assignments.drop("a")
    assignments.set_slots("b", 1, (100.0, 30.0))
    assert placed(assignments.assign(points(0))[0]) == {"b": [0]}


def test_a_worker_with_nothing_is_forgotten(assignments: Assignments) -> None:
    assignments.set_slots("a", 1, (100.0, 30.0))
    assignments.set_slots("b", 1)
    assignments.set_slots("a", 0, (100.0, 30.0))
    assignments.set_slots("b", 0)
    assert not assignments.lifetimes
    assert assignments.lifetimes.longest_need == math.inf
    assert not assignments.lifetimes.is_over("a")


# ---- on a cluster


@pytest.fixture
def make_cluster() -> Iterator[object]:
    """Make a cluster that adapts, of workers of one thread with a lifetime."""
    opened = []

    def make(lifetime: str, maximum: int) -> LocalCluster:
        cluster = LocalCluster(
            n_workers=0,
            threads_per_worker=1,
            processes=False,
            dashboard_address="127.0.0.1:0",
            lifetime=lifetime,
        )
        opened.append(cluster)
        cluster.adapt(minimum=0, maximum=maximum, interval="100ms")
        opened.append(Client(cluster))
        return cluster

    # After so long a worker that went of itself is replaced.
    with dask.config.set({"distributed.deploy.lost-worker-timeout": "100ms"}):
        yield make
    for cluster in opened[::2]:
        assert_clean(cluster)
    for thing in reversed(opened):
        thing.close()


def read_log(path: Path) -> list[tuple[str, float, float]]:
    """Each evaluation: the worker, for how long that was still there at the beginning, and the point."""
    lines = [line.split() for line in path.read_text().splitlines()]
    return [(worker, float(left), float(x)) for worker, left, x in lines]


def test_a_point_that_would_not_be_finished_is_not_begun(make_cluster, tmp_path):
    make_cluster("3s", maximum=2)
    path = tmp_path / "log"
    learner = adaptive.SequenceLearner(lasting(str(path), 0.9), range(1, 11))
    runner = adaptive.Runner(learner)
    assert runner.result(2 * TIMEOUT).npoints == 10
    evaluations = read_log(path)
    assert len({worker for worker, _, _ in evaluations}) >= 3, "some came to their end"
    # A busy machine may take a moment between the decision and the function's first line.
    assert min(left for _, left, _ in evaluations) > 0.4


def test_a_point_that_is_cut_off_gets_a_fresh_worker(make_cluster, tmp_path):
    make_cluster("5s", maximum=1)
    path = tmp_path / "log"
    # The long one comes when the worker has not enough left, which nobody knows.
    learner = adaptive.SequenceLearner(lasting(str(path), 0.5, {7.0: 3.0}), range(1, 9))
    runner = adaptive.Runner(learner)
    assert runner.result(2 * TIMEOUT).npoints == 8
    assert runner.failed == set()
    first, *again = [left for _, left, x in read_log(path) if x == 7.0]
    assert first > 3 or len(again) == 1
    assert all(left > 0.7 * 5 for left in again)


def test_a_point_that_no_lifetime_is_enough_for_fails(make_cluster, tmp_path):
    make_cluster("1s", maximum=3)
    path = tmp_path / "log"
    learner = adaptive.SequenceLearner(lasting(str(path), 5.0), range(1, 4))
    runner = adaptive.Runner(learner, allowed_failures=0)
    with pytest.raises(WorkerLostError, match="--lifetime that is too short"):
        runner.result(2 * TIMEOUT)
    assert sorted(x for _, _, x in read_log(path)) == [1.0, 2.0, 3.0]
    assert all("end of its lifetime" in text for _, text in runner.tracebacks)


def test_a_worker_without_time_keeps_no_place_in_the_run(monkeypatch):
    monkeypatch.setattr(Lifetimes, "need", property(lambda self: 2000.0))
    change(monkeypatch, "scheduler.lease", "1 h")
    spec = {"cls": Worker, "options": {"nthreads": 1}}
    brief = {"cls": Worker, "options": {"nthreads": 1, "lifetime": "30m"}}
    scheduler = {"cls": Scheduler, "options": {"protocol": "inproc://", "dashboard_address": "127.0.0.1:0"}}
    with SpecCluster(workers={"brief": brief}, scheduler=scheduler, worker=spec) as cluster, Client(cluster):
        wait_until(lambda: cluster.scheduler.workers)
        learner = adaptive.SequenceLearner(lambda x: x**2, range(20))
        runner = adaptive.Runner(learner, ntasks=1)
        wait_until(lambda: host_of(cluster).runs[runner.name].assignments.slots)
        cluster.scale(2)
        assert runner.result(TIMEOUT).npoints == 20
        assert_clean(cluster)


def test_a_worker_knows_when_its_lifetime_ends():
    with (
        LocalCluster(
            n_workers=1,
            processes=False,
            threads_per_worker=1,
            dashboard_address="127.0.0.1:0",
            lifetime="1h",
            lifetime_stagger="5m",
        ) as cluster,
        Client(cluster),
    ):
        worker = cluster.workers[0]
        assert 55 * 60 <= worker.lifetime <= 65 * 60
        due = min(
            handle.when() for handle in worker.loop.asyncio_loop._scheduled if handle.when() - handle._loop.time() > 600
        )
        for _ in range(2):
            lifetime = lifetime_of(worker)
            assert lifetime.total == worker.lifetime
            assert lifetime.end == pytest.approx(time.monotonic() + due - worker.loop.asyncio_loop.time(), abs=2)
            # As after hours, when the monitor has forgotten its first measurements.
            wait_until(lambda: len(worker.monitor.quantities["time"]) >= 4)
            for _ in range(2):
                worker.monitor.quantities["time"].popleft()
        worker.lifetime = None
        assert lifetime_of(worker) is None
