"""Workers that are jobs of a batch system: they come, are cancelled, come to their time limit, and go."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dask
import pytest
from distributed import Client

import adaptive_dask as adaptive

from ..cluster.conftest import assert_clean, host_of
from ..cluster.functions import slow_peak
from .conftest import Site, wait_until
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


def start(cluster: Any, npoints: int) -> tuple[Any, Any]:
    """Start a run, and wait until two jobs evaluate its points; the runner, and the run on the scheduler."""
    runner = adaptive.Runner(adaptive.Learner1D(slow_peak, bounds=(-1, 1)), npoints_goal=npoints)
    run = host_of(cluster).runs[runner.name]
    wait_until(lambda: busy_jobs(run) == 2)
    return runner, run


def busy_jobs(run: Any) -> int:
    return sum(bool(desk.ids) for desk in list(run.board.desks.values()))


def assert_complete(runner: Any, run: Any, npoints: int) -> None:
    learner = runner.result(120)
    assert learner.npoints == npoints
    assert all(y == slow_peak(x, 0) for x, y in learner.data.items())
    assert runner.failed == set()
    assert run.feed.position == npoints, "each was told once"


def test_a_job_that_is_cancelled_loses_no_point(cluster, slurm):
    runner, run = start(cluster, npoints=1500)
    first, second = slurm.jobs("RUNNING")
    slurm.run("scancel", first)
    wait_until(lambda: slurm.state(first) == "CANCELLED")
    wait_until(lambda: len(set(slurm.jobs("RUNNING")) - {first}) == 2)  # the other one, and a new one
    wait_until(lambda: busy_jobs(run) == 2)
    assert runner.status() == "running"
    assert second in slurm.jobs("RUNNING")
    assert_complete(runner, run, 1500)


def test_a_job_that_comes_to_its_time_limit_loses_no_point(cluster, slurm):
    runner, run = start(cluster, npoints=100_000)
    job = slurm.jobs("RUNNING")[0]
    slurm.end_time_limit(job)
    wait_until(lambda: slurm.state(job) == "TIMEOUT")  # SLURM looks every 30 seconds
    wait_until(lambda: job not in slurm.jobs())
    wait_until(lambda: busy_jobs(run) == 2)
    told = run.feed.position
    wait_until(lambda: run.feed.position > told + 50)
    runner.cancel()
    runner.wait(60)
    learner = runner.learner
    assert learner.npoints == run.feed.position == len(learner.data)
    assert all(y == slow_peak(x, 0) for x, y in learner.data.items())
    assert runner.failed == set()
