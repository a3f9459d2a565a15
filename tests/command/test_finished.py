"""Programs that have finished are read instead of being run again."""

from __future__ import annotations

import concurrent.futures
import functools
import json
import os
import subprocess
import sys

import pytest

import adaptive_dask as adaptive
from adaptive_dask.errors import ProgramError

NOTES = "echo '{x}' >> ../../runs.txt; "


@pytest.fixture
def make(tmp_path):
    """A command that notes when it runs, and keeps all folders."""

    def make(script="echo {x}", **options):
        return adaptive.Command(
            ["sh", "-c", NOTES + script], **{"folder": tmp_path / "points", "keep": "all"} | options
        )

    return make


@pytest.fixture
def runs(tmp_path):
    def runs():
        path = tmp_path / "runs.txt"
        return path.read_text().split() if path.exists() else []

    return runs


def folders(tmp_path):
    return [each for each in (tmp_path / "points").iterdir() if each.name != ".finished"]


def test_a_finished_program_is_read(make, runs, tmp_path):
    assert make()(0.5) == make()(0.5) == 0.5
    assert runs() == ["0.5"]
    assert len(folders(tmp_path)) == len(make().find(0.5)) == 1


def test_the_folder_may_be_moved_and_may_be_an_argument(make, runs, tmp_path):
    script = "echo {x} > {folder}/y; cat {folder}/y"
    assert make(script)(0.5) == make(script)(0.5) == 0.5
    (tmp_path / "points").rename(tmp_path / "moved")
    assert make(script, folder=tmp_path / "moved")(0.5) == 0.5
    assert runs() == ["0.5"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"reuse": False}, {"reuse": False}),
        ({}, {"reuse": False}),
        ({}, {"script": "echo 1 {x} | cut -d' ' -f2"}),
        ({"inputs": {"in": "1"}}, {"inputs": {"in": "2"}}),
        ({"inputs": {"in": "1"}}, {"inputs": {"other": "1"}}),
        ({"environment": {"N": "1"}}, {"environment": {"N": "2"}}),
        ({}, {"launcher": "env"}),
        ({"keep": "failed"}, {"keep": "failed"}),
        ({"keep": "none"}, {}),
        ({"success": (0, 3), "script": "echo {x}; exit 3"}, {"infeasible": [], "script": "echo {x}; exit 3"}),
    ],
    ids=range(10),
)
def test_what_is_different_runs_again(make, runs, before, after):
    assert make(**before)(0.5) == 0.5
    try:
        assert make(**after)(0.5) == 0.5
    except ProgramError:
        assert "success" in before
    assert runs() == ["0.5", "0.5"]


def test_points_of_another_type_are_different(make, runs):
    script = "echo '{x}' | tr -d '(,)'"
    assert [make(script, names=("a",))(point) for point in (1, 1.0, (1.0,), 1, 1.0, (1.0,))] == [1] * 6
    assert len(runs()) == 3


@pytest.mark.parametrize("which", [0, 1])
def test_a_program_or_script_that_has_changed_runs_again(runs, tmp_path, which, monkeypatch):
    script = tmp_path / "solve.sh"
    for factor in (1, 20):
        script.write_text(f"#!/bin/sh\necho $1 >> ../../runs.txt\necho $(({factor} * $1))\n")
        script.chmod(0o755)
        monkeypatch.chdir(tmp_path)
        arguments = [["./solve.sh", "{x}"], ["sh", str(script), "{x}"]][which]
        command = adaptive.Command(arguments, folder="points", keep="all")
        assert command(3) == command(3) == 3 * factor
    assert runs() == ["3", "3"]


def test_a_failure_runs_again_and_an_infeasible_point_does_not(make, runs):
    for _ in range(2):
        with pytest.raises(ProgramError, match="code 3"):
            make("exit 3")(0.5)
        with pytest.raises(adaptive.Infeasible, match="code 4"):
            make("exit 4", infeasible=[4])(0.25)
    assert runs() == ["0.5", "0.25", "0.5"]


def test_a_result_that_could_not_be_read_is_read_by_another_reader(make, runs, tmp_path):
    script = "echo E = {x} > out"
    for _ in range(2):
        with pytest.raises(ProgramError, match="cannot be read"):
            make(script)(0.5)
    assert runs() == ["0.5"] * 2
    assert make(script, parse=("regex", "out", "E = (.*)"))(0.5) == 0.5
    assert runs() == ["0.5"] * 2
    states = [json.loads((each / "adaptive_point.json").read_text())["status"] for each in folders(tmp_path)]
    assert sorted(states) == ["done", "failed"]


@pytest.mark.parametrize(
    "contents", [b"", b"{", b"3", b'{"folder": "points"}', b'{"folder": [], "exit_code": "a"}', b"\xff"]
)
def test_a_marker_that_is_damaged_does_not_count(make, runs, tmp_path, contents):
    make()(0.5)
    [marker] = (tmp_path / "points" / ".finished").iterdir()
    marker.write_bytes(contents)
    assert make()(0.5) == 0.5
    marker.unlink()
    marker.mkdir()  # it cannot be written again
    assert make()(0.5) == 0.5
    assert runs() == ["0.5"] * 3


def test_a_folder_that_was_removed_does_not_count(make, runs, tmp_path):
    make()(0.5)
    [folder] = folders(tmp_path)
    for each in folder.iterdir():
        each.unlink()
    assert make()(0.5) == 0.5  # nothing can be read
    [folder] = [each for each in folders(tmp_path) if each != folder]
    os.rename(folder, tmp_path / "elsewhere")
    assert make()(0.5) == 0.5
    assert runs() == ["0.5"] * 3


def test_functions_are_called_once_for_an_evaluation(tmp_path):
    calls = []

    def arguments(x):
        calls.append(x)
        yield from ("echo", x)

    command = adaptive.Command(arguments, inputs={"in": lambda x: calls.append(x)}, folder=tmp_path, keep="all")
    assert [command(0.5), command(0.5)] == [0.5, 0.5]
    assert calls == [0.5] * 4
    assert adaptive.Command(lambda x: f"echo {x}", folder=tmp_path)(0.25) == 0.25
    with pytest.raises(ValueError, match=r"must name a program, got none for 0\.5"):
        adaptive.Command(lambda x: (), folder=tmp_path)(0.5)


def test_many_at_once(make, runs):
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert list(pool.map(make(), [0.5, 0.25] * 8)) == [0.5, 0.25] * 8
    assert 2 <= len(runs()) <= 8


DIES = """
import functools, os, sys
from pathlib import Path
import adaptive_dask as adaptive

def parse(folder):
    if "0.5" in folder.name and not Path("has died").exists():
        Path("has died").touch()
        os._exit(9)
    return float((folder / "stdout.txt").read_text())

command = adaptive.Command(
    ["sh", "-c", "echo {x} >> ../../runs.txt; echo {x}"], folder="points", keep="all", parse=parse
)
learner = adaptive.SequenceLearner(command, [0.25, 0.5, 0.75])
adaptive.runner.simple(learner)
print(sorted(learner.data.values()))
"""


def test_a_program_whose_result_was_not_told_does_not_run_again(runs, tmp_path):
    run = functools.partial(subprocess.run, [sys.executable, "-c", DIES], cwd=tmp_path, capture_output=True, text=True)
    assert run().returncode == 9
    assert runs() == ["0.25", "0.5"]
    assert run().stdout == "[0.25, 0.5, 0.75]\n"
    assert runs() == ["0.25", "0.5", "0.75"]
