"""Messages of this package are in the logs of Dask, and only warnings are printed."""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import cloudpickle
import pytest
from distributed import Client, LocalCluster

import adaptive_dask as adaptive
from adaptive_dask.logs import ROOT, DaskLogs, get_logger

from .patience import TIMEOUT, wait_until

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import the tests


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with (
        LocalCluster(n_workers=1, threads_per_worker=2, dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster) as client,
    ):
        yield client


def fails(x: float) -> float:
    raise ZeroDivisionError(f"no value at {x}")


def hangs(x: float) -> float:
    time.sleep(0.5)
    return x


def start(client: Client, function: Any, name: str, **options: Any) -> Any:
    runner = adaptive.Runner(adaptive.Learner1D(function, (-1, 1)), executor=client, name=name, **options)
    runner.wait(TIMEOUT)
    return runner


def worker_logs(client: Client) -> str:
    (lines,) = client.get_worker_logs().values()
    return "\n".join(message for _, message in lines)


def scheduler_logs(client: Client) -> str:
    return "\n".join(message for _, message in client.get_scheduler_logs())


def test_the_scheduler_tells_the_start_and_the_end_of_a_run(client: Client, capfd: pytest.CaptureFixture[str]) -> None:
    runner = start(client, abs, "scan", npoints_goal=20)
    text = scheduler_logs(client)
    run_id = runner.info()["id"]
    assert (
        f"distributed.adaptive_dask.cluster.scheduler_start - INFO - The run 'scan' was started, with the id {run_id}"
        in text
    )
    assert "INFO - The run 'scan' is finished with 20 points" in text
    start(client, fails, "bad", npoints_goal=20)
    assert "INFO - The run 'bad' is failed with 0 points: " in scheduler_logs(client)
    assert "adaptive_dask" not in "".join(capfd.readouterr())  # quiet by default


@pytest.mark.long
def test_the_worker_tells_what_fails(client: Client) -> None:
    runner = start(client, fails, "bad", npoints_goal=5)
    run_id = runner.info()["id"]
    text = worker_logs(client)
    assert f"INFO - The function of the run {run_id} was loaded" in text
    assert f"INFO - An evaluation of the run {run_id} failed: ZeroDivisionError: no value at " in text
    runner = start(client, hangs, "slow", npoints_goal=2, point_timeout=0.1, on_error="skip")
    assert f"An evaluation of the run {runner.info()['id']} was given up after 0." in worker_logs(client)


@pytest.mark.long
def test_warnings_of_checkpoints_are_in_the_logs_of_the_scheduler(client: Client, tmp_path: Any) -> None:
    runner = adaptive.Runner(
        adaptive.Learner1D(hangs, (-1, 1)), executor=client, name="kept", checkpoint=tmp_path / "kept"
    )
    wait_until(lambda: (tmp_path / "kept").is_dir() and runner.learner.npoints > 2)
    for path in (tmp_path / "kept").iterdir():
        path.unlink()
    wait_until(lambda: "WARNING - " in scheduler_logs(client) and "adaptive_dask.storage" in scheduler_logs(client))
    runner.cancel()


def test_no_message_is_in_the_logs_of_another_process() -> None:
    with (
        LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster) as client,
    ):
        start(client, fails, "bad", npoints_goal=5)
        get_logger("adaptive_dask.runner.tests").error("of the client")
        assert "cluster.worker" in worker_logs(client)
        assert "cluster.scheduler" not in worker_logs(client)
        assert "cluster.worker" not in scheduler_logs(client)
        assert "of the client" not in scheduler_logs(client) + worker_logs(client)
    assert sum(isinstance(handler, DaskLogs) for handler in logging.getLogger(ROOT).handlers) == 1


SCRIPT = """
import logging
{before}
from adaptive_dask.logs import get_logger
{after}
logger = get_logger("adaptive_dask.runner.tests")
logger.debug("a detail")
logger.info("a fact")
logger.warning("a warning")
"""
CONFIGURED = "import dask\ndask.config.set({'distributed.logging': {'distributed.adaptive_dask': 'info'}})\n"
OWN = "logger = logging.getLogger('distributed.adaptive_dask')\nlogger.addHandler(logging.StreamHandler())\n"


@pytest.mark.parametrize(
    ("before", "after", "printed"),
    [
        ("", "", ["a warning"]),
        pytest.param("import distributed", "", ["a warning"], marks=pytest.mark.long),
        pytest.param("", "import distributed", ["a warning"], marks=pytest.mark.long),
        (CONFIGURED + "import distributed", "", ["a fact", "a warning"]),
        ("", OWN, ["a fact", "a warning"]),
        (OWN + "logger.setLevel('DEBUG')", "", ["a detail", "a fact", "a warning"]),
    ],
)
def test_what_is_printed(before: str, after: str, printed: list[str]) -> None:
    script = SCRIPT.format(before=before, after=after)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=TIMEOUT)
    assert [line.rpartition(" - ")[2] for line in done.stderr.splitlines()] == printed
    assert done.stdout == ""
