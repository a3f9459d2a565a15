"""A real cluster of processes, and the check that a test leaves nothing on it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import cloudpickle
import pytest
from distributed import Client, LocalCluster

from adaptive_dask.cluster.protocol import KEY_PREFIX

from ..patience import TIMEOUT, wait_until
from . import functions

# Workers cannot import the tests.
cloudpickle.register_pickle_by_value(functions)


@pytest.fixture(scope="module", autouse=True)
def travels_by_value(request: pytest.FixtureRequest) -> Iterator[None]:
    """Functions of the test file go to workers as they are."""
    cloudpickle.register_pickle_by_value(request.module)
    yield
    cloudpickle.unregister_pickle_by_value(request.module)


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    with LocalCluster(
        n_workers=2, threads_per_worker=2, processes=True, host="127.0.0.1", dashboard_address="127.0.0.1:0"
    ) as cluster:
        yield cluster


@pytest.fixture
def client(cluster: LocalCluster) -> Iterator[Client]:
    with Client(cluster) as client:
        client.wait_for_workers(2, timeout=TIMEOUT)
        yield client
        try:
            assert_clean(cluster)
        except AssertionError:  # the run of a test that failed does not fail those that follow
            for run in list(host_of(cluster).table.active.values()):
                cluster.loop.add_callback(run.state.cancel)
            raise


def host_of(cluster: LocalCluster) -> Any:
    """The host's plugin on the scheduler, which lives in this process."""
    return cluster.scheduler.plugins["adaptive"]


def assert_clean(cluster: LocalCluster) -> None:
    """After the last run nothing of it is left on scheduler and workers."""
    host = cluster.scheduler.plugins.get("adaptive")
    if host is None:
        return
    wait_until(lambda: not host.table.active)
    wait_until(lambda: not [key for key in cluster.scheduler.tasks if str(key).startswith(KEY_PREFIX)])
    wait_until(lambda: not [name for name in cluster.scheduler.clients if "adaptive-host" in name])
    held = host.resources
    wait_until(lambda: held.threads is None and held.checkpoint_threads is None and held.client is None)
    with Client(cluster, set_as_default=False) as client:

        def nothing_is_open() -> bool:
            # A worker that is just coming or going does not answer, and is asked again.
            answers = client.run(functions.open_queues, on_error="ignore")
            return list(answers.values()) == [0] * len(cluster.scheduler.workers)

        wait_until(nothing_is_open)
    host.runs.clear()
    host.table.by_id.clear()


def pid_of(cluster: LocalCluster, index: int) -> int:
    """The process of one of the workers, once it is there."""
    return wait_until(lambda: list(cluster.workers.values())[index].pid)


class PatientCluster(LocalCluster):  # type: ignore[misc]
    """Never gives a worker up that died and is restarted, as Dask does when it dies twice within a while."""

    def _update_worker_status(self, op: Any, msg: Any) -> None:
        if op == "remove":
            self.scheduler_info["workers"].pop(msg, None)
        else:
            super()._update_worker_status(op, msg)


@pytest.fixture
def own_cluster() -> Iterator[LocalCluster]:
    """A cluster for a test that takes it apart."""
    with PatientCluster(
        n_workers=2, threads_per_worker=2, processes=True, host="127.0.0.1", dashboard_address="127.0.0.1:0"
    ) as cluster:
        yield cluster


@pytest.fixture
def own_client(own_cluster: LocalCluster) -> Iterator[Client]:
    with Client(own_cluster) as client:
        yield client
        assert_clean(own_cluster)


@pytest.fixture
def kill_worker(own_cluster: LocalCluster) -> Callable[[int], None]:
    """Kills the process of a worker of `own_cluster`, by number."""
    return lambda index: os.kill(pid_of(own_cluster, index), signal.SIGKILL)
