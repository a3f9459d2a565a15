"""A program that ends while a run goes on says in a line what becomes of the run, and prints nothing else."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from distributed import Client, LocalCluster

import adaptive_dask as adaptive

from ..patience import TIMEOUT

pytestmark = pytest.mark.long

SCRIPT = """
import sys, threading, time
import adaptive_dask as adaptive

def f(x):
    time.sleep(0.001)
    return x

def learner():
    return adaptive.Learner1D(f, (0, 1))

if __name__ == "__main__":
    has_some = threading.Event()
    def note(learner, xs, ys):
        has_some.set()
    {start}
    has_some.wait()
"""

EXECUTORS = {
    "threads": "from concurrent.futures import ThreadPoolExecutor as Pool",
    "processes": "from concurrent.futures import ProcessPoolExecutor as Pool",
    "loky": "from loky import get_reusable_executor as Pool",
    "sequential": "from adaptive_dask.runner import SequentialExecutor; Pool = lambda n: SequentialExecutor()",
}
CLIENT = "from distributed import Client; client = Client({}dashboard_address='127.0.0.1:0')"
ONE_WORKER = "n_workers=1, threads_per_worker=2, host='127.0.0.1', "


def run(path: Path, *lines: str) -> list[str]:
    """What a script that starts something and then ends writes to standard error."""
    script = path / "script.py"
    script.write_text(SCRIPT.format(start="\n    ".join(lines)))
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=TIMEOUT, check=False)
    assert done.returncode == 0, done.stderr
    # Dask may warn of evaluators that it cuts off when it closes a busy machine's cluster.
    return [line for line in done.stderr.splitlines() if " - distributed." not in line]


@pytest.mark.parametrize("kind", EXECUTORS)
def test_of_a_run_on_an_executor_it_says_that_it_is_lost(tmp_path: Path, kind: str) -> None:
    if kind == "loky" and find_spec("loky") is None:
        pytest.skip("loky is not installed")
    start = "adaptive.Runner(learner(), executor=Pool(2), name='scan', on_results=note)"
    (line,) = run(tmp_path, EXECUTORS[kind], start)
    assert line.startswith("adaptive_dask: the program ended before the run 'scan' did: ")
    assert "runner.result()" in line


def test_of_a_run_with_a_checkpoint_it_says_where_that_is(tmp_path: Path) -> None:
    checkpoint = tmp_path / "scan"
    start = f"adaptive.Runner(learner(), executor=Pool(2), on_results=note, checkpoint={str(checkpoint)!r})"
    (line,) = run(tmp_path, EXECUTORS["threads"], start)
    assert repr(str(checkpoint)) in line
    (line,) = run(tmp_path, EXECUTORS["threads"], start)
    assert repr(str(checkpoint)) in line


def test_the_last_save_has_the_data_of_the_end(tmp_path: Path) -> None:
    fname = str(tmp_path / "scan.pickle")
    (line,) = run(
        tmp_path,
        EXECUTORS["threads"],
        "runner = adaptive.Runner(learner(), executor=Pool(2), on_results=note)",
        f"runner.start_periodic_saving({{'fname': {fname!r}}}, interval=1000)",
    )
    points = int(line.split(" points")[0].split()[-1].replace(",", ""))
    saved: Any = adaptive.Learner1D(None, (0, 1))
    saved.load(fname)
    assert saved.npoints >= points > 0


@pytest.mark.parametrize(
    "start",
    [
        "adaptive.Runner(learner(), name='scan', on_results=note)",
        "adaptive.run_many([learner(), learner()], name='scan', on_results=note)",
    ],
    ids=["one", "many"],
)
def test_of_runs_on_a_cluster_that_ends_with_the_program_it_says_that_they_are_lost(tmp_path: Path, start: str) -> None:
    (line,) = run(tmp_path, CLIENT.format(ONE_WORKER), start)
    assert line.startswith("adaptive_dask: the program ended before the run")
    assert "'scan" in line


def test_of_a_run_on_another_cluster_it_says_how_to_follow_it(tmp_path: Path) -> None:
    with LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, host="tcp://127.0.0.1", dashboard_address="127.0.0.1:0"
    ) as cluster:
        address = cluster.scheduler_address
        start = "adaptive.Runner(learner(), name='scan', on_results=note)"
        (line,) = run(tmp_path, f"from distributed import Client; client = Client({address!r})", start)
        assert line.startswith(f"adaptive_dask: the run 'scan' goes on at {address}: adaptive_dask.attach('scan')")
        with Client(cluster) as client:
            runner = adaptive.attach("scan", client)
            assert runner.status() == "running"
            runner.cancel()


def test_of_runs_that_have_ended_it_says_nothing(tmp_path: Path) -> None:
    start = "adaptive.Runner(learner(), npoints_goal=20, executor=Pool(2), name='scan', on_results=note).result()"
    assert run(tmp_path, EXECUTORS["threads"], start) == []
