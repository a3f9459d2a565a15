"""Programs as functions: arguments, files, results, failures, and how they end."""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import json
import pickle
import signal
import string
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from distributed.utils_test import gen_cluster

import adaptive_dask as adaptive
from adaptive_dask.errors import FunctionError, PointTimeoutError, ProgramError
from adaptive_dask.isolated.process_tree import descendants, list_processes

from ..cluster.test_given_up import assert_clean
from ..isolated.processes import note_others, processes_here
from ..patience import OPTIONS, TIMEOUT, until, wait_until

HANGS = ["sh", "-c", "trap '' TERM; sleep 1000 & sleep 1000; true"]


@pytest.fixture(autouse=True)
def counts_its_own_processes():
    note_others()


@pytest.fixture
def make(tmp_path):
    return functools.partial(adaptive.Command, folder=tmp_path / "points")


def kept(tmp_path):
    folder = tmp_path / "points"
    return sorted(each for each in folder.iterdir() if each.name != ".finished") if folder.exists() else []


@pytest.mark.parametrize(
    ("arguments", "options", "point", "value"),
    [
        ("echo {x}", {}, 0.1 + 0.2, 0.1 + 0.2),
        ("echo {x}", {}, np.float64(0.1), 0.1),
        ("echo {x1}", {}, (1.0, 2.5), 2.5),
        ("echo {b}", {"names": ("a", "b")}, (1.0, 2.5), 2.5),
        ("echo {n}", {"values": {"n": 3}}, 0.5, 3.0),
        (lambda x: ["echo", 2 * x], {}, 0.5, 1.0),
        (["cat", "in.txt"], {"inputs": {"in.txt": "{x:.3f}"}}, 0.5, 0.5),
        (["cat", "sub/in.txt"], {"inputs": {"sub/in.txt": lambda x: b"7"}}, 0.5, 7.0),
        (["echo", string.Template("$x")], {}, 0.5, 0.5),
        ("echo ${x}", {"syntax": "string.Template"}, 0.5, 0.5),
        ("echo '{{ x }}'", {"syntax": "jinja2"}, 0.5, 0.5),
        (["sh", "-c", "echo $ENERGY"], {"environment": {"ENERGY": "{x}"}}, 0.5, 0.5),
        ("{x}", {"launcher": "echo"}, 0.5, 0.5),
        ("echo {x}", {"timeout": 1e300}, 0.5, 0.5),
        (["sh", "-c", "basename $PWD | cut -d_ -f1"], {}, 0.5, 0.5),
        (["sh", "-c", "echo 2; exit 1"], {"success": (0, 1)}, 0.5, 2.0),
        (["sh", "-c", 'echo "{{\\"a\\": [1, {x}]}}" > o.json'], {"parse": ("json", "o.json", ("a", 1))}, 0.5, 0.5),
        (["sh", "-c", "echo 'a, b\n1, 2' > o.csv"], {"parse": ("csv", "o.csv", "b")}, 0.5, 2.0),
        (["sh", "-c", "echo E = 1; echo E = -0.25D+01"], {"parse": ("regex", "stdout.txt", r"E = (\S+)")}, 0.5, -2.5),
        (["sh", "-c", "echo 5 > o.txt"], {"parse": ("numpy", "o.txt")}, 0.5, 5.0),
        (["sh", "-c", "echo 5 > o.txt"], {"parse": lambda folder: len(list(folder.iterdir()))}, 0.5, 4),
    ],
    ids=range(21),
)
def test_values(make, tmp_path, arguments, options, point, value):
    if options.get("syntax") == "jinja2":
        pytest.importorskip("jinja2")
    command = make(arguments, **options)
    result = command(point)
    assert result == value
    assert kept(tmp_path) == []


def test_a_partial_gives_further_fields(make):
    assert functools.partial(make("echo {gate}"), gate=0.25)(1.0) == 0.25


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ("no-such-program", {}, "cannot be started: .*no-such-program"),
        (["sh", "-c", "echo trouble >&2; exit 3"], {}, "exited with code 3.*\n\nLast lines.*:\n\ntrouble"),
        (["sh", "-c", "kill -SEGV $$"], {}, "was ended by signal 11"),
        ("true", {}, r"cannot be read.*must print a number.*got ''"),
        ("true", {"parse": ("json", "o.json")}, "cannot be read.*o.json"),
        (HANGS, {"timeout": 0.1}, r"was ended after timeout=0\.1 s"),
        (["printf", r"\377\033[31m"], {}, "cannot be read"),
    ],
    ids=range(7),
)
@pytest.mark.parametrize("keep", ["all", "failed", "none"])
def test_failures(make, tmp_path, keep, arguments, options, message):
    with pytest.raises(ProgramError, match="(?s)" + message) as caught:
        make(arguments, keep=keep, **options)(0.5)
    error = caught.value
    assert pickle.loads(pickle.dumps(error)).folder == error.folder
    assert "\x1b" not in str(error)
    assert [str(each) for each in kept(tmp_path)] == ([] if keep == "none" else [error.folder])
    assert not processes_here()


def test_a_field_that_is_missing_is_named(make):
    with pytest.raises(ValueError, match=r"'echo \{y\}'|'\{y\}'.*Its fields are folder, x"):
        make("echo {y}")(0.5)


def test_infeasible(make, tmp_path):
    command = make(["sh", "-c", "exit 7"], infeasible=[7])
    with pytest.raises(adaptive.Infeasible, match="code 7"):
        command(0.5)


def test_folders_tell_their_points_and_are_never_used_twice(make, tmp_path):
    command = pickle.loads(pickle.dumps(make("echo 1", keep="all", reuse=False)))
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(command, [0.5] * 6 + [0.25, (0.5, 1.0), 0.5000001]))
    assert len(kept(tmp_path)) == 9
    assert len(command.find(0.5)) == len(command.find(np.float64(0.5))) == 6
    [folder] = command.find((0.5, 1.0))
    record = json.loads((folder / "adaptive_point.json").read_text())
    assert (record["point"], record["status"], record["exit_code"]) == ("(0.5, 1.0)", "done", 0)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ("", {}, "arguments must name a program"),
        (3, {}, "arguments must be a text or a sequence"),
        ("true", {"keep": "some"}, "keep must be"),
        ("true", {"parse": "json"}, "parse must be a function"),
        ("true", {"parse": ("yaml", "f")}, "parse must begin with"),
        ("true", {"parse": ("csv", "f")}, "wrong number of arguments"),
        ("true", {"syntax": "perl"}, "syntax must be one of"),
        ("true", {"timeout": 0}, "timeout must be"),
        ("true", {"success": "0"}, "success must be"),
        ("true", {"names": "ab"}, "names must be"),
        ("true", {"inputs": {"../a": ""}}, "inputs must be"),
        ("true", {"inputs": {"stdout.txt": ""}}, "inputs must be"),
    ],
    ids=range(12),
)
def test_arguments_that_make_no_sense(make, arguments, options, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make(arguments, **options)


def test_what_a_program_leaves_behind_ends_with_it(make):
    assert make(["sh", "-c", "sleep 1000 & echo 1"])(0.5) == 1.0
    assert not processes_here()


@pytest.mark.parametrize("isolate", [None, "process"])
def test_time_limit_and_cancel_of_a_run_on_threads(make, isolate):
    command = make(HANGS)
    learner = adaptive.Learner1D(command, (-1, 1))
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        options = {"executor": pool, "isolate": isolate, "npoints_goal": 9}
        with pytest.raises(FunctionError, match=r"(?s)The function was at:.*points") as caught:
            adaptive.BlockingRunner(learner, point_timeout=0.3, **options)
        assert isinstance(caught.value.exception, PointTimeoutError)
        runner = adaptive.Runner(learner, **options)
        wait_until(lambda: len(processes_here()) >= 4)
        runner.cancel()
    wait_until(lambda: not processes_here())


@pytest.mark.long
@pytest.mark.parametrize("isolate", [None, "process"])
@gen_cluster(**OPTIONS)
async def test_time_limit_and_cancel_of_a_run_on_a_cluster(c, s, a, b, isolate, tmp_path):
    learner = adaptive.Learner1D(adaptive.Command(HANGS, folder=tmp_path), (-1, 1))
    options = {"executor": c, "isolate": isolate, "npoints_goal": 9}
    runner = adaptive.Runner(learner, point_timeout=1, **options)
    with pytest.raises(FunctionError, match=f"(?s)The function was at:.*{tmp_path}") as caught:
        await runner.result(TIMEOUT)
    assert isinstance(caught.value.exception, PointTimeoutError)
    runner = adaptive.Runner(learner, **options)
    await until(lambda: len(processes_here()) >= 8)
    runner.cancel()
    with pytest.raises(asyncio.CancelledError):
        await runner.task
    await until(lambda: not processes_here())
    await assert_clean(s, a, b)


def test_a_run_tells_every_folder(make, tmp_path):
    script = "if [ {x} = -1.0 ]; then exit 1; fi; echo {x}"
    learner = adaptive.Learner1D(make(["sh", "-c", script], keep="all"), (-1, 1))
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        runner = adaptive.BlockingRunner(learner, executor=pool, npoints_goal=40, on_error="skip")
    points = [json.loads((each / "adaptive_point.json").read_text())["point"] for each in kept(tmp_path)]
    assert len(set(points)) == len(points)
    assert {float(point) for point in points} >= {*learner.data, -1.0}
    assert all(x == y for x, y in learner.data.items())
    [failed] = runner.failures
    assert str(learner.function.find(-1.0)[0]) in failed.traceback_text


SCRIPT = """
import sys
import adaptive_dask as adaptive

command = adaptive.Command(["sh", "-c", "trap '' TERM; sleep 1000; true"], folder=sys.argv[1])
print("ready", flush=True)
adaptive.runner.simple(adaptive.Learner1D(command, (-1, 1)), npoints_goal=9)
"""


def test_ctrl_c_ends_the_program(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    arguments = [sys.executable, str(script), str(tmp_path / "points")]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        wait_until(lambda: "sleep" in [Path(f"/proc/{each.pid}/comm").read_text().strip() for each in family(process)])
        programs = {(each.pid, each.started) for each in family(process)}
        process.send_signal(signal.SIGINT)
        assert "KeyboardInterrupt" in process.communicate(timeout=TIMEOUT)[1]
    wait_until(lambda: not programs & {(each.pid, each.started) for each in list_processes().values()})


def family(process):
    return descendants([process.pid], list_processes())
