"""One of every kind of executor, each for as long as a module needs it."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import shutil
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from importlib.util import find_spec
from typing import Any

import pytest

from adaptive_dask.runner import SequentialExecutor

from ..patience import TIMEOUT

OPEN_MPI = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "OMPI_MCA_btl_tcp_if_include": "lo",
    "OMPI_MCA_oob_tcp_if_include": "lo",
}
MPI_TRIAL = "from mpi4py.futures import MPIPoolExecutor as Pool; print(Pool(2).submit(abs, -1).result())"

KINDS = ["sequential", "threads", "processes", "loky", "ipyparallel", "mpi", "client"]


@contextlib.contextmanager
def open_executor(kind: str) -> Iterator[Any]:
    """An executor with two workers; one of a kind that is not installed is skipped."""
    if kind == "sequential":
        yield SequentialExecutor()
    elif kind == "threads":
        with ThreadPoolExecutor(2) as executor:
            yield executor
    elif kind == "processes":  # started as Python 3.14 does: they do not inherit what is here
        with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("forkserver")) as executor:
            yield executor
    elif kind == "loky":
        import loky

        executor = loky.get_reusable_executor(2)
        yield executor
        executor.shutdown()
    elif kind == "ipyparallel":
        yield from _ipyparallel()
    elif kind == "mpi":
        yield from _mpi()
    else:
        yield from _client()


def _ipyparallel() -> Iterator[Any]:
    ipyparallel = pytest.importorskip("ipyparallel", reason="ipyparallel is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own: sockets and files that it leaves to the collector
        cluster = ipyparallel.Cluster(n=2, controller_ip="127.0.0.1", engine_timeout=TIMEOUT, log_level=40)
        client = cluster.start_and_connect_sync()
        client.wait_for_engines(2, timeout=TIMEOUT)
        try:
            yield client
        finally:
            client.close()
            cluster.stop_cluster_sync()


def _mpi() -> Iterator[Any]:
    if find_spec("mpi4py") is None:
        pytest.skip("mpi4py is not installed")
    if shutil.which("mpiexec") is None:
        pytest.skip("MPI is not installed: there is no mpiexec")
    # Open MPI starts nothing as root, nor more processes than processors, unless it is told to. A pool whose
    # processes cannot start waits for them for ever: whether they can is tried in a process that can be ended.
    os.environ.update(OPEN_MPI)
    try:
        subprocess.run([sys.executable, "-c", MPI_TRIAL], check=True, timeout=TIMEOUT, capture_output=True)
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as error:
        pytest.skip(f"MPI is installed, but starts no processes: {error}")
    from mpi4py.futures import MPIPoolExecutor

    with MPIPoolExecutor(2) as executor:
        yield executor


def _client() -> Iterator[Any]:
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client


# The start of engines and of MPI takes long.
MARKED_KINDS = [
    pytest.param(kind, marks=pytest.mark.long) if kind in ("ipyparallel", "mpi") else kind for kind in KINDS
]


@pytest.fixture(scope="module", params=MARKED_KINDS)
def executor(request: pytest.FixtureRequest) -> Iterator[Any]:
    with open_executor(request.param) as executor:
        yield executor


@pytest.fixture(autouse=True)
def no_thread_stays() -> Iterator[None]:
    """A run that has ended leaves no thread."""
    yield
    for thread in threading.enumerate():
        if thread.name.startswith(("adaptive-run", "adaptive-coroutines", "adaptive-saving", "adaptive-terminal")):
            thread.join(TIMEOUT)
            assert not thread.is_alive(), f"{thread} goes on"
