"""Clusters that adapt: from zero workers to as many as are of use, and back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import dask
import pytest
from distributed import Client, LocalCluster

import adaptive_dask as adaptive

from ..patience import TIMEOUT, wait_until
from .conftest import assert_clean, host_of
from .functions import slow_peak, waits_for

pytestmark = pytest.mark.long


@pytest.fixture
def cluster() -> Iterator[LocalCluster]:
    """A cluster without workers, in this process, so that they come at once."""
    with (
        dask.config.set({"distributed.adaptive.interval": "50ms", "distributed.adaptive.wait-count": 2}),
        LocalCluster(n_workers=0, threads_per_worker=1, processes=False, dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster),
    ):
        yield cluster
        assert_clean(cluster)


def learner(function: Any = slow_peak) -> Any:
    return adaptive.Learner1D(function, bounds=(-1, 1))


def busy(cluster: LocalCluster, runner: Any) -> int:
    """How many workers have points of a run."""
    run = host_of(cluster).runs[runner.name]
    return len([load for load in run.assignments.loads.values() if load.ids])


class Gate:
    """Lets evaluations begin, and wait until it is opened."""

    def __init__(self, folder: Path) -> None:
        self.function = partial(waits_for, folder=str(folder))
        self._folder = folder

    def open(self) -> None:
        (self._folder / "open").touch()

    def begun(self) -> list[tuple[str, float]]:
        """The evaluations so far: worker and point."""
        notes = self._folder / "begun"
        lines = notes.read_text().splitlines() if notes.exists() else []
        return [(line.split()[0], float(line.split()[1])) for line in lines]


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    gate = Gate(tmp_path)
    yield gate
    gate.open()


def test_from_zero_to_the_maximum_and_back(cluster):
    cluster.adapt(minimum=0, maximum=3)
    most = 0

    def all_busy() -> bool:
        nonlocal most
        most = max(most, len(cluster.scheduler.workers))
        return busy(cluster, runner) == 3

    runner = adaptive.Runner(learner(), goal=lambda learner: False)
    wait_until(all_busy)
    assert most == 3
    runner.cancel()
    assert runner.wait(TIMEOUT)
    wait_until(lambda: not cluster.scheduler.workers)
    assert adaptive.BlockingRunner(learner(), npoints_goal=30).learner.npoints == 30
    wait_until(lambda: not cluster.scheduler.workers)


def test_a_paused_run_needs_no_workers(cluster):
    cluster.adapt(minimum=0, maximum=2)
    runner = adaptive.Runner(learner(), npoints_goal=200)
    wait_until(lambda: runner.learner.npoints > 20)
    runner.pause()
    wait_until(lambda: not cluster.scheduler.workers)
    assert runner.learner.npoints < 200
    runner.resume()
    assert runner.result(TIMEOUT).npoints == 200
    assert runner.failed == set()


def test_no_worker_with_points_under_way_is_chosen(cluster, gate, monkeypatch):
    cluster.adapt(minimum=3, maximum=3)
    wait_until(lambda: len(cluster.scheduler.workers) == 3)
    runner = adaptive.Runner(learner(gate.function), npoints_goal=20)
    wait_until(lambda: len(gate.begun()) == 3)
    host = host_of(cluster)
    answers: list[Any] = []
    answer = host.valid_workers_downscaling

    def note(scheduler: Any, workers: Any) -> Any:
        answers.append(answer(scheduler, workers))
        return answers[-1]

    monkeypatch.setattr(host, "valid_workers_downscaling", note)
    cluster.adapt(minimum=0, maximum=1)
    wait_until(lambda: len(answers) >= 5)
    assert answers == [[]] * len(answers)
    assert len(cluster.scheduler.workers) == 3
    gate.open()
    assert runner.result(TIMEOUT).npoints == 20
    evaluations = Counter(x for _, x in gate.begun())
    # The three that were under way when the cluster was to shrink are not begun again.
    assert all(evaluations[x] == 1 for _, x in gate.begun()[:3])


def test_points_of_a_retired_worker_are_evaluated_elsewhere(cluster, gate):
    cluster.scale(2)
    runner = adaptive.Runner(learner(gate.function), npoints_goal=2)
    wait_until(lambda: len(gate.begun()) == 2)
    cluster.scale(3)
    (gone, x), (stays, _) = gate.begun()
    address = next(address for address in cluster.scheduler.workers if gone == worker_id(cluster, address))
    runner.executor.retire_workers([address], close_workers=False)
    wait_until(lambda: len(gate.begun()) == 3)
    third, again = gate.begun()[2]
    assert again == x
    assert third not in (gone, stays)
    gate.open()
    assert runner.result(TIMEOUT).npoints == 2
    assert runner.failed == set()


def worker_id(cluster: LocalCluster, address: str) -> str:
    return next(worker.id for worker in cluster.workers.values() if worker.address == address)
