"""Workers that are jobs of a batch system: they come, are cancelled, come to their time limit, and go."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import dask
import pytest
from distributed import Client

import adaptive_dask as adaptive

from ..cluster.conftest import assert_clean, host_of
from ..cluster.functions import slow_peak
from ..patience import TIMEOUT, wait_until
from .conftest import Site
from .private_slurm import PrivateSlurm


@pytest.fixture
def cluster(slurm: PrivateSlurm, site: Site) -> Iterator[Any]:
    """A SLURMCluster that adapts, with up to two jobs; it has none yet."""
    from dask_jobqueue import SLURMCluster

    with (
        dask.config.set(dask.config.merge(dask.config.config, site.settings)),
        SLURMCluster() as cluster,
        Client(cluster),
    ):
        cluster.adapt(minimum=0, maximum=2, interval="500ms")
        yield cluster
        wait_until(lambda: not slurm.jobs())
        assert_clean(cluster)


class Watched:
    """A run without end on two jobs, of which one is going to be lost."""

    def __init__(self, cluster: Any, slurm: PrivateSlurm) -> None:
        self.slurm = slurm
        self.runner = adaptive.Runner(adaptive.Learner1D(partial(slow_peak, seconds=0.3), bounds=(-1, 1)))
        self.run = host_of(cluster).runs[self.runner.name]
        wait_until(self.is_on_two_jobs)
        workers = {state.address: state.name for state in cluster.scheduler.workers.values()}
        self.worker = next(worker for worker, load in self.run.assignments.loads.items() if load.ids)
        self.job = str(cluster.workers[workers[self.worker]].job_id)
        self.points: list[int] = []

    def is_on_two_jobs(self) -> bool:
        return sum(bool(load.ids) for load in list(self.run.assignments.loads.values())) == 2

    def is_lost(self) -> bool:
        """Whether the worker of the job is gone; until then, notes which points it has."""
        load = self.run.assignments.loads.get(self.worker)
        if load is not None and load.ids:
            self.points = list(load.ids)
        return load is None and self.slurm.state(self.job) not in ("RUNNING", "COMPLETING")

    def goes_on(self) -> None:
        """What the job had is evaluated elsewhere, and another job takes its place."""
        assert self.points
        unresolved = self.run.learner.driver.session.points.unresolved
        wait_until(lambda: not set(self.points) & set(unresolved))
        wait_until(self.is_on_two_jobs)
        assert self.runner.status() == "running"
        assert self.job not in self.slurm.jobs("RUNNING")
        self.runner.cancel()
        assert self.runner.wait(TIMEOUT)
        data = self.runner.learner.data
        assert len(data) == self.run.feed.position, "each was told once"
        assert all(y == slow_peak(x, 0) for x, y in data.items())
        assert self.runner.failed == set()


def test_a_job_that_is_cancelled_loses_no_point(cluster, slurm):
    watched = Watched(cluster, slurm)
    slurm.run("scancel", watched.job)
    wait_until(watched.is_lost)
    assert slurm.state(watched.job) == "CANCELLED"
    watched.goes_on()


def test_a_job_that_comes_to_its_time_limit_loses_no_point(cluster, slurm):
    watched = Watched(cluster, slurm)
    slurm.end_time_limit(watched.job)
    wait_until(watched.is_lost)  # SLURM looks every 30 seconds
    assert slurm.state(watched.job) == "TIMEOUT"
    watched.goes_on()
