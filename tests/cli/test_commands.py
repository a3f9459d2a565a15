"""The commands of ``dask adaptive``, on one cluster in this process."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from distributed import Client, LocalCluster

import adaptive_dask
from adaptive_dask.cli import checking, exporting, following, main, showing

from ..patience import TIMEOUT, wait_until

ROOT = Path(__file__).parents[2]
Run = Callable[..., Result]


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    with LocalCluster(
        n_workers=1,
        threads_per_worker=2,
        processes=False,
        protocol="tcp",
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
    ) as cluster:
        yield cluster


@pytest.fixture
def client(cluster: LocalCluster) -> Iterator[Client]:
    with Client(cluster) as client:
        yield client
        for run in adaptive_dask.runs(client):
            if run["ended"] is None:
                following.control(client, run["name"], "cancel")
        wait_until(lambda: all(run["ended"] for run in adaptive_dask.runs(client)))
        for run in adaptive_dask.runs(client):
            following.control(client, run["name"], "forget")


@pytest.fixture
def command(client: Client) -> Run:
    def call(*arguments: str, input: str | None = None) -> Result:
        full = [arguments[0], "--scheduler", client.scheduler.address, *arguments[1:]]
        return CliRunner().invoke(main, full, input=input)

    return call


def wave(x: float) -> float:
    return x * x


def slow(x: float) -> float:
    time.sleep(0.02)
    return x


is_watched = threading.Event()


def slow_while_watched(x: float) -> float:
    is_watched.wait(TIMEOUT)
    return slow(x)


def failing(x: float) -> float:
    raise ZeroDivisionError(f"no value at {x}")


def start(client: Client, name: str, function: Any = wave, **options: Any) -> Any:
    learner = adaptive_dask.Learner1D(function, bounds=(-1, 1))
    return adaptive_dask.Runner(learner, executor=client, name=name, **{"npoints_goal": 20, **options})


def test_runs(client: Client, command: Run) -> None:
    assert command("runs").output == "no runs\n"
    start(client, "scan").result(TIMEOUT)
    heading, line = command("runs").output.splitlines()
    assert heading.split() == list(showing.HEADINGS)
    assert line.split()[:4] == ["scan", "Learner1D", "finished", "20"]
    assert "20 points" in line
    (info,) = json.loads(command("runs", "--json").output)
    assert (info["name"], info["npoints"], info["status"]) == ("scan", 20, "finished")


def test_json_has_no_number_that_is_not_finite() -> None:
    odd = {"loss": float("inf"), "a": [float("nan"), 1, None, "é"], 3: b"x", "b": {1.5}}
    assert json.loads(showing.as_json(odd)) == {"loss": None, "a": [None, 1, None, "é"], "3": "b'x'", "b": "{1.5}"}


def test_status_with_failures(client: Client, command: Run) -> None:
    start(client, "bad", failing).wait(TIMEOUT)
    text = command("status", "bad").output
    assert "status" in text
    assert "failed" in text
    assert "ZeroDivisionError" not in text
    text = command("status", "bad", "--failures").output
    assert "ZeroDivisionError: no value at" in text
    info = json.loads(command("status", "bad", "--failures", "--json").output)
    assert "ZeroDivisionError" in info["failures"][0]["traceback_text"]


@pytest.mark.parametrize("arguments", [("status",), ("watch",), ("attach",), ("pause",), ("cancel",), ("forget",)])
def test_a_run_that_does_not_exist(arguments: tuple[str, ...], client: Client, command: Run) -> None:
    start(client, "other").result(TIMEOUT)
    done = command(*arguments, "scan")
    assert done.exit_code == 1
    assert "hosts no run 'scan'. Its runs are: other" in done.output
    assert "Traceback" not in done.output


def test_pause_resume_cancel_forget(client: Client, command: Run) -> None:
    runner = start(client, "scan", slow, npoints_goal=None)
    other = start(client, "other", slow, npoints_goal=None)
    assert command("pause", "scan", "other", "scan").output == "scan: paused\nother: paused\n"
    wait_until(lambda: runner.status() == other.status() == "paused")
    done = command("forget", "scan")
    assert done.exit_code == 1
    assert "has not ended" in done.output
    assert command("resume", "scan").exit_code == 0
    wait_until(lambda: runner.status() == "running")
    assert command("cancel", "scan", "other").exit_code == 0
    wait_until(lambda: runner.status() == other.status() == "cancelled")
    for action in ("cancel", "pause", "resume"):
        done = command(action, "scan")
        assert done.exit_code == 1
        assert "The run 'scan' has ended: cancelled." in done.output
    assert command("forget", "scan").output == "scan: forgotten\n"
    assert [run["name"] for run in adaptive_dask.runs(client)] == ["other"]


def test_watch_until_the_end(client: Client, command: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    find = following.find
    found: list[str] = []

    def find_and_go_on(client: Client, name: str) -> dict[str, Any]:
        info = find(client, name)
        if found:  # the first time, the run is not shown yet
            is_watched.set()
        found.append(name)
        return info

    monkeypatch.setattr(following, "find", find_and_go_on)
    is_watched.clear()
    start(client, "scan", slow_while_watched, npoints_goal=60)
    done = command("watch", "scan", "--interval", "0.1")
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert len(lines) > 1
    assert lines[0].startswith("scan: running")
    assert "of 60 points" in lines[-2]
    assert lines[-1].startswith("scan: finished")


def test_watch_a_run_that_failed_or_was_cancelled(client: Client, command: Run) -> None:
    start(client, "bad", failing).wait(TIMEOUT)
    done = command("watch", "bad")
    assert done.exit_code == 1
    assert "The run bad failed:" in done.output
    assert "ZeroDivisionError" in done.output
    runner = start(client, "scan", slow, npoints_goal=None)
    threading.Timer(0.3, runner.cancel).start()
    done = command("watch", "scan")
    assert done.exit_code == 1
    assert "The run scan was cancelled." in done.output


def test_attach_opens_python_with_the_run(client: Client, command: Run) -> None:
    start(client, "scan").result(TIMEOUT)
    statements = """\
print("points:", learner.npoints, len(learner.data), runner.status())
print("default:", adaptive.runs()[0]["name"], client.status)
1 / 0
print("goes on")
"""
    done = command("attach", "scan", input=statements)
    assert done.exit_code == 0, done.output
    assert "scan: finished | " in done.output
    assert "points: 20 20 finished" in done.output
    assert "default: scan running" in done.output
    assert "ZeroDivisionError" in done.output
    assert "goes on" in done.output
    assert "continues" not in done.output


def test_the_run_continues_after_attach(client: Client, command: Run) -> None:
    runner = start(client, "scan", slow, npoints_goal=None)
    done = command("attach", "scan", input="runner.pause()\nexit()\n")
    assert done.exit_code == 0, done.output
    assert "The run scan continues." in done.output
    wait_until(lambda: runner.status() == "paused")


@pytest.mark.long
def test_attach_on_a_terminal_is_ipython(client: Client) -> None:
    pytest.importorskip("IPython")
    runner = start(client, "scan", slow, npoints_goal=None)
    arguments = ["attach", "--scheduler", client.scheduler.address, "scan"]
    ours, theirs = os.openpty()
    environment = {**os.environ, "TERM": "dumb", "IPY_TEST_SIMPLE_PROMPT": "1"}
    with subprocess.Popen(
        [sys.executable, "-m", "adaptive_dask", *arguments], stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    ) as process:
        os.close(theirs)
        os.write(ours, b"runner.cancel(); type(get_ipython()).__name__\nexit\n")
        text = b"".join(iter(lambda: _read(ours), b"")).decode()
        assert process.wait(TIMEOUT) == 0, text
    os.close(ours)
    assert "scan: running" in text
    assert "TerminalInteractiveShell" in text
    wait_until(runner.done)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # the other end is closed
        return b""


def test_ctrl_c_does_not_end_the_run(client: Client, command: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    runner = start(client, "scan", slow, npoints_goal=None)
    with monkeypatch.context() as patch:
        patch.setattr("adaptive_dask.cli.following.time", type("clock", (), {"sleep": staticmethod(interrupt)}))
        done = command("watch", "scan")
    assert done.exit_code == 130
    assert "The run scan continues." in done.output
    assert not runner.done()


def test_a_scheduler_that_is_lost(command: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def lose(client: Client, name: str) -> None:
        client.close()
        raise RuntimeError("ConnectionPool closing.")

    monkeypatch.setattr(following, "find", lose)
    done = command("watch", "scan")
    assert done.exit_code == 1
    assert "The connection to the scheduler at tcp://" in done.output
    assert "was lost" in done.output


@pytest.mark.parametrize("suffix", ["csv", "json", "pickle"])
def test_export_a_run(suffix: str, client: Client, command: Run, tmp_path: Path) -> None:
    start(client, "scan").result(TIMEOUT)
    output = tmp_path / f"scan.{suffix}"
    done = command("export", "scan", "-o", str(output))
    assert done.exit_code == 0, done.output
    assert done.output.startswith(f"{output}: 20 ")
    if suffix == "csv":
        with output.open() as file:
            assert all(float(row["y"]) == float(row["x"]) ** 2 for row in csv.DictReader(file))
    elif suffix == "json":
        assert len(json.loads(output.read_text())) == 20
    else:
        learner = adaptive_dask.Learner1D(wave, bounds=(-1, 1))
        learner.load(output)
        assert learner.npoints == 20


def test_export_odd_values(tmp_path: Path) -> None:
    pd = pytest.importorskip("pandas")

    def function(x: float) -> dict[str, Any]:
        text = "\ud800" if x == 1 else 'a,\n"b"'
        return {"gap": x, "text": text, "amplitude": complex(x, 1), "deep": {"a": [1, (2,)]}}

    learner = adaptive_dask.DataSaver(adaptive_dask.Learner1D(function, bounds=(0, 1)), learn="gap")
    adaptive_dask.simple(learner, npoints_goal=5)
    exporting.write(learner, str(tmp_path / "f.parquet"))
    other = learner.new()
    other.load_dataframe(pd.read_parquet(tmp_path / "f.parquet"))
    assert dict(other.extra_data) == dict(learner.extra_data)
    exporting.write(learner, str(tmp_path / "f.csv"))
    assert set(pd.read_csv(tmp_path / "f.csv")["text"]) == {'a,\n"b"', "\\ud800"}
    with pytest.raises(click.ClickException, match=r"Write a \.parquet file"):
        exporting.write(learner, str(tmp_path / "f.json"))
    assert not (tmp_path / "f.json").exists()


def test_export_a_checkpoint_without_a_scheduler(tmp_path: Path) -> None:
    learner = adaptive_dask.Learner1D(wave, bounds=(-1, 1))
    executor = adaptive_dask.runner.SequentialExecutor()
    adaptive_dask.BlockingRunner(learner, npoints_goal=12, executor=executor, checkpoint=tmp_path / "scan")
    output = tmp_path / "scan.csv"
    done = CliRunner().invoke(main, ["export", "--checkpoint", str(tmp_path / "scan"), "-o", str(output)])
    assert done.exit_code == 0, done.output
    assert len(output.read_text().splitlines()) == 13
    done = CliRunner().invoke(main, ["export", "--checkpoint", str(tmp_path / "none"), "-o", str(output)])
    assert done.exit_code == 1
    assert "none" in done.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["export", "scan", "-o", "scan.xls"], "must end with .csv, .parquet, .json or .pickle"),
        (["export", "scan", "-o", "/no/folder/scan.csv"], "folder that exists"),
        (["export", "-o", "scan.csv"], "either the name of a run or --checkpoint"),
        (["export", "scan", "--checkpoint", "x", "-o", "scan.csv"], "either the name of a run or --checkpoint"),
        (["runs"], "DASK_SCHEDULER_ADDRESS"),
        (["runs", "--scheduler", "tcp://127.0.0.1:9", "--scheduler-file", "x"], "not both"),
        (["runs", "--scheduler", "tcp://127.0.0.1:9", "--timeout", "soon"], "duration"),
        (["runs", "--scheduler", "tcp://127.0.0.1:9", "--timeout", "-1"], "duration"),
        (["runs", "--scheduler", "somewhere"], "must be like tcp://10.0.0.1:8786, got 'somewhere': missing port"),
        (["runs", "--scheduler", "carrier-pigeon://x:1"], "must be like tcp://10.0.0.1:8786, got 'carrier-pigeon"),
        (["watch", "scan", "--interval", "0"], "0.05"),
        (["cancel"], "Missing argument"),
        (["dance"], "No such command"),
    ],
)
def test_wrong_use(arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DASK_SCHEDULER_ADDRESS", raising=False)
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 2, done.output
    assert message in " ".join(done.output.split())


def test_a_scheduler_that_does_not_answer() -> None:
    done = CliRunner().invoke(main, ["runs", "--scheduler", "tcp://127.0.0.1:9", "--timeout", "200ms"])
    assert done.exit_code == 1
    assert "No scheduler answered at tcp://127.0.0.1:9 within 0.2 s" in done.output
    done = CliRunner().invoke(main, ["runs", "--scheduler-file", "/no/file.json"])
    assert done.exit_code == 1
    assert "/no/file.json" in done.output


def test_check(command: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    done = command("check")
    assert done.exit_code == 0, done.output
    assert "scheduler" in done.output
    assert "worker" in done.output
    other = {**checking._make_probe()(), "adaptive_dask": "0.0.1", "numpy": "1.0"}

    def probe() -> dict[str, str]:
        return other if threading.current_thread() is not threading.main_thread() else checking_probe()

    checking_probe = checking._make_probe()
    monkeypatch.setattr(checking, "_make_probe", lambda: probe)
    done = command("check")
    assert done.exit_code == 1
    assert "adaptive_dask is 0.0.1 on the scheduler" in done.output
    assert "note: numpy is 1.0 on the scheduler" in done.output


def test_what_the_versions_are_compared_for() -> None:
    ours = {"adaptive_dask": "0.1.0", "python": "3.12"}
    theirs = {"adaptive_dask": checking.MISSING, "python": "3.11"}
    places = {"client": ours, "scheduler": ours, "worker tcp://a": theirs}
    assert checking._differences(places, "adaptive_dask") == [
        "adaptive_dask is not installed on the worker tcp://a. Install 0.1.0."
    ]
    assert checking._differences(places, "python") == [
        "python is 3.11 on the worker tcp://a, and 3.12 on the client. Install the same version."
    ]


def test_the_module_is_a_command_and_loads_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-m", "adaptive_dask", "--help"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    commands = {"runs", "status", "watch", "attach", "cancel", "pause", "resume", "forget", "export", "check"}
    assert commands == main.commands.keys()
    assert all(f"\n  {name} " in done.stdout for name in commands)
    script = "import sys, adaptive_dask.cli; print(sorted({'dask', 'distributed', 'numpy'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr


def test_dask_finds_the_commands() -> None:
    points = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["dask_cli"]
    assert points == {"adaptive": "adaptive_dask.cli:main"}
    assert isinstance(main, click.Group)
    assert main.name == "adaptive"
