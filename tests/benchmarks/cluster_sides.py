"""The two sides of the cluster's benchmarks: python-adaptive with the same Client, and adaptive_dask."""

from __future__ import annotations

import contextlib
import threading
import time
import warnings
from collections.abc import Callable, Iterator

import adaptive
from dask.distributed import Client, LocalCluster

import adaptive_dask

PATIENCE = 300.0  # seconds

Function = Callable[[float], float]
Side = Callable[[Client, Function, int], float]


@contextlib.contextmanager
def local_client(threads: int) -> Iterator[Client]:
    """A client of a new cluster of two worker processes with so many threads each."""
    cluster = LocalCluster(n_workers=2, threads_per_worker=threads, host="127.0.0.1", dashboard_address="127.0.0.1:0")
    with cluster, Client(cluster) as client:
        yield client


def theirs(client: Client, function: Function, npoints: int) -> float:
    """Seconds from start to goal of a run of python-adaptive.

    Now and then it waits for ever for tasks that it cancelled itself at the goal, so its end is not waited for.
    """
    learner = adaptive.Learner1D(function, bounds=(-1, 1))
    reached = threading.Event()

    def goal(learner: adaptive.Learner1D) -> bool:
        if learner.npoints >= npoints:
            reached.set()
        return reached.is_set()

    def run() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            adaptive.BlockingRunner(learner, goal=goal, executor=client)

    begin = time.perf_counter()
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    if not reached.wait(PATIENCE):
        raise TimeoutError(f"python-adaptive got {learner.npoints} of {npoints} points in {PATIENCE} s")
    seconds = time.perf_counter() - begin
    thread.join(5)
    return seconds


def ours(client: Client, function: Function, npoints: int, vectorized: bool = False) -> float:
    """Seconds from start to end of a run of adaptive_dask."""
    learner = adaptive_dask.Learner1D(function, bounds=(-1, 1))
    begin = time.perf_counter()
    adaptive_dask.BlockingRunner(learner, npoints_goal=npoints, executor=client, vectorized=vectorized)
    seconds = time.perf_counter() - begin
    assert learner.npoints == npoints
    return seconds
