"""The two sides of the cluster's benchmarks: python-adaptive with the same Client, and adaptive_dask."""

from __future__ import annotations

import contextlib
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import adaptive
from dask.distributed import Client, LocalCluster

import adaptive_dask

Function = Callable[[float], float]
Side = Callable[[Client, Function, int], float]


@contextlib.contextmanager
def local_client(threads: int) -> Iterator[Client]:
    """A client of a new cluster of two worker processes with so many threads each."""
    cluster = LocalCluster(n_workers=2, threads_per_worker=threads, host="127.0.0.1", dashboard_address=None)
    with cluster, Client(cluster) as client:
        yield client


def theirs(client: Client, function: Function, npoints: int) -> float:
    """Seconds from start to end of a run of python-adaptive."""
    learner = adaptive.Learner1D(function, bounds=(-1, 1))
    begin = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        adaptive.BlockingRunner(learner, npoints_goal=npoints, executor=client)
    return (time.perf_counter() - begin) * npoints / learner.npoints  # it overshoots the goal


def ours(client: Client, function: Function, npoints: int) -> float:
    """Seconds from start to end of a run of adaptive_dask."""
    learner = adaptive_dask.Learner1D(function, bounds=(-1, 1))
    begin = time.perf_counter()
    adaptive_dask.BlockingRunner(learner, npoints_goal=npoints, executor=client)
    seconds = time.perf_counter() - begin
    assert learner.npoints == npoints
    return seconds


def print_row(*cells: Any) -> None:
    """A row of a table: a wide first column, and narrow ones."""
    first, *others = map(str, cells)
    print(f"{first:28}" + "".join(f"{cell:>20}" for cell in others), flush=True)
