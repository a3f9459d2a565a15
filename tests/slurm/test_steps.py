"""Programs that are steps of a worker's job: they give values, come to their time limit, and are cancelled."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask
import psutil
import pytest
from distributed import Client

import adaptive_dask as adaptive
from adaptive_dask.errors import FunctionError, PointTimeoutError

from ..patience import TIMEOUT, wait_until
from .conftest import Site
from .private_slurm import PrivateSlurm

PROGRAM = """
import os, signal, sys
rank, size = int(os.environ["SLURM_PROCID"]), int(os.environ["SLURM_NTASKS"])
if "hang" in sys.argv:
    signal.pause()  # it never ends by itself
if rank == size - 1:
    print(size * float(sys.argv[1]))
"""


@pytest.fixture
def client(slurm: PrivateSlurm, site: Site) -> Iterator[Client]:
    """One job of four processors; its worker evaluates two programs of two ranks at a time."""
    from dask_jobqueue import SLURMCluster

    site.change_settings({"jobqueue": {"slurm": {"worker-extra-args": ["--resources", "ranks=4", "--nthreads", "4"]}}})
    with (
        dask.config.set(dask.config.merge(dask.config.config, site.settings)),
        SLURMCluster(cores=1, processes=1, job_cpu=4) as cluster,
        Client(cluster) as client,
    ):
        cluster.scale(1)
        client.wait_for_workers(1, TIMEOUT)
        yield client


def ranks(program: Path) -> list[int]:
    """The processes of the program, which are children of SLURM's daemon."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):  # it has ended meanwhile
            if process.cmdline()[1:2] == [str(program)]:
                found.append(process.pid)
    return found


@pytest.mark.parametrize("isolate", [None, "process"])
def test_steps(client: Client, tmp_path: Path, isolate: Any) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)

    def run(*arguments: str, **options: Any) -> Any:
        command = adaptive.Command(
            [sys.executable, str(program), "{x}", *arguments],
            launcher="srun --exact -n {tasks} --mem=100",
            values={"tasks": 2},
            resources={"ranks": 2},
            folder=tmp_path / "points",
        )
        learner = adaptive.Learner1D(command, (-1, 1))
        return adaptive.Runner(learner, executor=client, npoints_goal=4, isolate=isolate, **options)

    values = run()
    assert values.wait(TIMEOUT)
    assert values.learner.npoints >= 4
    assert all(y == 2 * x for x, y in values.learner.data.items())

    late = run("hang", point_timeout=3)
    with pytest.raises(FunctionError) as caught:
        late.result(TIMEOUT)
    assert isinstance(caught.value.exception, PointTimeoutError)
    wait_until(lambda: not ranks(program))

    cancelled = run("hang")
    wait_until(lambda: len(ranks(program)) == 4)
    cancelled.cancel()
    wait_until(lambda: not ranks(program))
