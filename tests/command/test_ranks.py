"""A program of several ranks, started by mpirun: it gives values, comes to its time limit, and is cancelled."""

from __future__ import annotations

import concurrent.futures
import functools
import os
import shutil
import sys
from pathlib import Path

import pytest

import adaptive_dask as adaptive
from adaptive_dask.errors import FunctionError, PointTimeoutError

from ..isolated.processes import note_others, processes_here
from ..patience import wait_until

PROGRAM = str(Path(__file__).with_name("mpi_program.py"))
# As root, on fewer cores than ranks, and without a network.
MPIRUN = "mpirun --allow-run-as-root --oversubscribe --mca btl self,vader --mca oob_tcp_if_include lo -n 2"


@pytest.fixture
def make(tmp_path):
    if shutil.which("mpirun") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("In CI there has to be an mpirun")
        # Users of the tests need no MPI: the gate installs it, and fails above without.
        pytest.skip("no mpirun; Debian's package openmpi-bin has one")
    note_others()
    return functools.partial(adaptive.Command, folder=tmp_path / "points", launcher=MPIRUN)


def test_all_ranks_count(make):
    command = make([sys.executable, PROGRAM, "{x}"])
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        learner = adaptive.Learner1D(command, (-1, 1))
        adaptive.BlockingRunner(learner, executor=pool, npoints_goal=5, isolate="process")
    assert learner.npoints >= 5
    assert all(y == 3 * x for x, y in learner.data.items())
    wait_until(lambda: not processes_here())


@pytest.mark.long
@pytest.mark.parametrize("isolate", [None, "process"])
def test_no_rank_is_left(make, isolate):
    learner = adaptive.Learner1D(make([sys.executable, PROGRAM, "{x}", "hang"]), (-1, 1))
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        options = {"executor": pool, "isolate": isolate, "npoints_goal": 5}
        with pytest.raises(FunctionError) as caught:
            adaptive.BlockingRunner(learner, point_timeout=2, **options)
        assert isinstance(caught.value.exception, PointTimeoutError)
        wait_until(lambda: not ranks())
        runner = adaptive.Runner(learner, **options)
        wait_until(lambda: len(ranks()) >= 2)
        runner.cancel()
        wait_until(lambda: not ranks())
    wait_until(lambda: not processes_here())


def ranks():
    """The processes of the program, wherever they have got to."""
    found = []
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = each.read_bytes().split(b"\0")
        except OSError:
            continue  # it has just ended
        if words[1:2] == [PROGRAM.encode()]:
            found.append(each.parent.name)
    return found
