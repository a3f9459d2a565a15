"""Type checkers and editors see the public names, although they are imported when they are first used."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import adaptive_dask

SCRIPT = """
from typing import Any

from dask.distributed import Client

import adaptive_dask as adaptive
from adaptive_dask.learner.learner1D import curvature_loss_function
from adaptive_dask.testing import check_learner


def f(x: float) -> float:
    return x**2


def g(point: tuple[float, float]) -> float:
    return point[0] * point[1]


def noisy(seed_x: tuple[int, float]) -> float:
    return seed_x[1]


line = adaptive.Learner1D(f, bounds=(-1, 1), loss_per_interval=curvature_loss_function())
plane = adaptive.Learner2D(g, bounds=[(-1, 1), (-1, 1)])
space = adaptive.LearnerND(g, bounds=[(-1, 1), (-1, 1)])
smooth = adaptive.SparseGridLearner(g, bounds=[(-1, 1), (-1, 1)])
rational = adaptive.RationalLearner1D(f, bounds=(-1, 1))
mean = adaptive.AverageLearner(f, atol=0.1)
means = adaptive.AverageLearner1D(noisy, bounds=(-1, 1))
integral = adaptive.IntegratorLearner(f, bounds=(0, 1), tol=1e-8)
sequence = adaptive.SequenceLearner(f, [1.0, 2.0])
several = adaptive.BalancingLearner([line, adaptive.Learner1D(f, bounds=(0, 1))])
saver = adaptive.DataSaver(line, arg_picker=lambda result: result["y"])
program = adaptive.Command("./solver {x}")
learners: list[adaptive.BaseLearner] = [line, rational]
check_learner(adaptive.Learner1D(f, bounds=(-1, 1)))
adaptive.simple(line, npoints_goal=10)


def follow(client: Client) -> Any:
    runner = adaptive.Runner(line, executor=client, loss_goal=0.01, retries=2, checkpoint="scan")
    runner.pause()
    runner.resume()
    adaptive.BlockingRunner(plane, npoints_goal=10)
    runs = adaptive.run_many(learners, npoints_goal=10, name="scan")
    try:
        for each in runs.as_completed():
            print(each.name, each.learner.loss())
    except adaptive.errors.AdaptiveError as error:
        print(error)
    name: str = adaptive.attach("scan").name
    npoints: int = line.npoints
    return adaptive.load("scan"), adaptive.runs(client), runner.result(), name, npoints, adaptive.__version__
"""
WRONG = """
import adaptive_dask as adaptive

adaptive.Lerner1D  # line 4
adaptive.Learner1D(abs)  # line 5: no bounds
adaptive.Runner(adaptive.Learner1D(abs, bounds=(-1, 1)), npoints_gaol=3)  # line 6
adaptive.learner.learner1D.no_such_loss  # line 7
reveal_type(adaptive.Learner1D)
"""


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What mypy says of both scripts; it reads the whole package, so it is called once."""
    folder = tmp_path_factory.mktemp("scripts")
    (folder / "right.py").write_text(SCRIPT)
    (folder / "wrong.py").write_text(WRONG)
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(folder), "right.py", "wrong.py"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True).stdout


@pytest.mark.long
def test_mypy_accepts_a_script_of_a_user(output: str) -> None:
    assert "wrong.py" in output
    assert "right.py" not in output, output


@pytest.mark.long
@pytest.mark.parametrize("line", [4, 5, 6, 7])
def test_mypy_finds_mistakes(line: int, output: str) -> None:
    assert f"wrong.py:{line}: error" in output, output


@pytest.mark.long
def test_mypy_knows_the_arguments_of_a_learner(output: str) -> None:
    assert re.search(r"wrong.py:8: note: Revealed type is .*bounds: tuple.*Learner1D", output), output


def imported(package: ModuleType) -> dict[str, str]:
    """Return the names that the stub of a package imports, and from where."""
    stub = Path(str(package.__file__)).with_name("__init__.pyi")
    imports = [node for node in ast.parse(stub.read_text()).body if isinstance(node, ast.ImportFrom)]
    own = [node for node in imports if str(node.module).startswith("adaptive_dask")]
    assert all(name.asname == name.name for node in own for name in node.names), "otherwise the name is not exported"
    return {name.name: str(node.module) for node in own for name in node.names}


@pytest.mark.parametrize("name", ["adaptive_dask", "adaptive_dask.learner"])
def test_stubs_name_what_is_there(name: str) -> None:
    package = importlib.import_module(name)
    names = imported(package)
    public = {*package.__all__, *package.PUBLIC_MODULES} - {"__version__"}
    private = (
        {"live_info"} if package is adaptive_dask else set()
    )  # another name of a method, for python-adaptive's users
    assert names.keys() == public | private
    for each, module in names.items():
        found = getattr(importlib.import_module(module), each)
        assert found is getattr(package, each)


@pytest.mark.parametrize("name", ["adaptive_dask", "adaptive_dask.learner"])
def test_completion_shows_public_names_only(name: str) -> None:
    package = importlib.import_module(name)
    assert set(dir(package)) == {*package.__all__, *package.PUBLIC_MODULES}
    for each in dir(package):
        assert getattr(package, each) is not None
