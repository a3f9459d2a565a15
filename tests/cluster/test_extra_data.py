"""A DataSaver whose results stay on the workers' side: in their memory, or in files that they write."""

from __future__ import annotations

import os
import pickle
import signal
import sys
from operator import itemgetter

import cloudpickle
import numpy as np
import pytest
from distributed import Client, LocalCluster

import adaptive_dask as adaptive
from adaptive_dask.cluster import scheduler_remote_results
from adaptive_dask.cluster.remote_result import KEY_PREFIX, RemoteResult
from adaptive_dask.errors import ResultLostError
from adaptive_dask.learner.picked import references_in
from adaptive_dask.storage.extra_files import ExtraFile

from ..patience import TIMEOUT, wait_until
from .conftest import host_of

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import the tests

SIZE = 50_000


def large(x, a=0.0):
    return {"y": x**2 + a, "pid": os.getpid(), "field": np.full(SIZE, x)}


@pytest.fixture(autouse=True)
def few_at_a_time(monkeypatch):
    monkeypatch.setattr(scheduler_remote_results, "MAX_RESULTS_PER_STEP", 3)  # the scheduler is in this process


def saver(**options):
    return adaptive.DataSaver(adaptive.Learner1D(large, (-1, 1)), itemgetter("y"), extra="cluster", **options)


def kept_keys(cluster):
    return {key for key in cluster.scheduler.tasks if str(key).startswith(KEY_PREFIX)}


def holders(cluster):
    return [name for name in cluster.scheduler.clients if name.startswith(KEY_PREFIX)]


def check_loads(learner):
    for x, kept in learner.extra_data.items():
        np.testing.assert_array_equal(kept.load()["field"], np.full(SIZE, x))


def test_results_stay_on_workers_until_the_run_is_forgotten(client, cluster):
    learner = saver()
    runner = adaptive.BlockingRunner(learner, npoints_goal=12)
    assert all(type(kept) is RemoteResult and kept.nbytes > 8 * SIZE for kept in learner.extra_data.values())
    hosted = host_of(cluster).runs[runner.name].learner.driver.session.learner
    for each in (learner, hosted):
        assert len(each.extra_data) == 12
        assert len(cloudpickle.dumps(each)) < 8 * SIZE / 2
    kept = learner.extra_data[1.0]
    # Neither way passes through the scheduler.
    gather, cluster.scheduler.handlers["gather"] = cluster.scheduler.handlers["gather"], None
    try:
        check_loads(pickle.loads(pickle.dumps(learner)))
    finally:
        cluster.scheduler.handlers["gather"] = gather
    assert kept.load(direct=False)["y"] == 1.0
    assert client.submit(lambda result: result["pid"], kept.future()).result(TIMEOUT) == kept.load()["pid"]
    check_loads(adaptive.attach(runner.name).learner)

    runner.forget()
    wait_until(lambda: not kept_keys(cluster))
    wait_until(lambda: not holders(cluster))
    wait_until(lambda: not any(client.run(lambda dask_worker: len(dask_worker.data)).values()))
    with pytest.raises(ResultLostError, match="forgotten"):
        kept.load()


@pytest.mark.parametrize("name", ["again", "scan"])
def test_a_run_that_goes_on_with_a_learner_holds_its_results(client, cluster, name):
    make = adaptive.make_datasaver(adaptive.Learner1D, itemgetter("y"), extra="cluster")
    learner = adaptive.BalancingLearner.from_product(large, make, {"bounds": (-1, 1)}, {"a": [0.0, 1.0]})
    first = adaptive.BlockingRunner(learner, npoints_goal=4, name="scan")
    assert len(list(references_in(learner))) == learner.npoints >= 8
    second = adaptive.BlockingRunner(learner, npoints_goal=7, name=name)
    if name != "scan":
        first.forget()
    for child in learner.learners:
        check_loads(child)
    assert len(kept_keys(cluster)) >= 14
    second.forget()
    wait_until(lambda: not kept_keys(cluster))
    wait_until(lambda: not holders(cluster))


def test_results_of_a_lost_worker_are_missed_and_all_others_there(client, cluster):
    learner = saver()
    runner = adaptive.BlockingRunner(learner, npoints_goal=20)
    pids = {x: kept.load()["pid"] for x, kept in learner.extra_data.items()}
    victim = pids[1.0]
    before = set(client.scheduler_info(n_workers=-1)["workers"])
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: set(client.scheduler_info(n_workers=-1)["workers"]) - before)
    wait_until(lambda: len(client.scheduler_info(n_workers=-1)["workers"]) == 2)
    for x, kept in learner.extra_data.items():
        if pids[x] == victim:
            with pytest.raises(ResultLostError, match="worker was lost"):
                kept.load()
        else:
            assert kept.load()["y"] == x**2
    assert learner.npoints == 20
    # The run goes on where it was.
    again = adaptive.BlockingRunner(learner, npoints_goal=25)
    runner.forget()
    again.forget()
    wait_until(lambda: not kept_keys(cluster))


def test_results_move_when_their_worker_retires():
    with (
        LocalCluster(n_workers=2, processes=False, dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster) as client,
    ):
        learner = saver()
        runner = adaptive.BlockingRunner(learner, npoints_goal=20)
        worker = next(iter(client.who_has([learner.extra_data[1.0].future()]).values()))[0]
        client.retire_workers([worker])
        check_loads(learner)
        runner.forget()


def test_files_are_written_by_worker_processes(client, cluster, tmp_path):
    learner = saver(target=f"file://{tmp_path}/run")
    runner = adaptive.BlockingRunner(learner, npoints_goal=12)
    assert all(type(kept) is ExtraFile for kept in learner.extra_data.values())
    check_loads(learner)
    assert os.getpid() not in {kept.load()["pid"] for kept in learner.extra_data.values()}
    assert len(cloudpickle.dumps(learner)) < 8 * SIZE / 2
    runner.forget()
    check_loads(learner)
    assert not kept_keys(cluster)


def test_without_a_cluster_results_are_kept_in_the_learner():
    learner = saver()
    adaptive.runner.simple(learner, npoints_goal=5)
    assert learner.extra_data[1.0]["field"].shape == (SIZE,)


def test_named_results_stay_on_workers_and_go_to_files_by_name(client, tmp_path):
    pd = pytest.importorskip("pandas")
    learner = adaptive.DataSaver(adaptive.Learner1D(large, (-1, 1)), learn="y", extra="cluster", evaluation=True)
    runner = adaptive.BlockingRunner(learner, npoints_goal=6)
    learner.to_parquet(tmp_path / "references", failures=runner.failures)
    other = learner.new()
    other.load_dataframe(pd.read_parquet(tmp_path / "references"))
    assert dict(other.data) == dict(learner.data)
    check_loads(other)
    df = learner.to_dataframe(load_extra=True)
    assert {"y", "pid", "field", "evaluation.seconds", "evaluation.where"} < set(df.columns)
    assert all(
        where.startswith(f"process {pid} ") for where, pid in zip(df["evaluation.where"], df["pid"], strict=True)
    )
    grid = learner.to_xarray(50, chunks=10).compute()  # on the cluster
    np.testing.assert_allclose(grid["y"], learner.to_xarray(50)["y"])
    runner.forget()


def test_vectorized_functions_return_named_arrays(client):
    def both(xs):
        return {"y": xs**2, "more": np.stack([xs, -xs], axis=1)}

    learner = adaptive.DataSaver(adaptive.Learner1D(both, (-1, 1)), learn="y")
    adaptive.BlockingRunner(learner, npoints_goal=30, vectorized=True)
    assert all(y == x**2 for x, y in learner.data.items())
    assert all(parts["more"].tolist() == [x, -x] for x, parts in learner.extra_data.items())
