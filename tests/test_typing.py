"""Type checkers and editors see the public names, although they are imported when they are first used."""

from __future__ import annotations

import ast
import importlib
import inspect
import os
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
    if x > 1e6:
        raise adaptive.Infeasible("too large")
    return x**2


def g(point: tuple[float, float]) -> float:
    return point[0] * point[1]


def h(energy: float, angle: float, field: float, material: str, spin: int) -> dict[str, float]:
    return {"current": energy * field * angle * spin}


line = adaptive.Learner1D(f, bounds=(-1, 1), loss_per_interval=curvature_loss_function())
plane = adaptive.Learner2D(g, bounds=[(-1, 1), (-1, 1)])
region = adaptive.LearnerND(g, bounds=[(-1, 1), (-1, 1)])
smooth = adaptive.SparseGridLearner(g, bounds=[(-1, 1), (-1, 1)])
rational = adaptive.RationalLearner1D(f, bounds=(-1, 1))
mean = adaptive.AverageLearner(lambda seed: seed % 3, atol=0.1)
means = adaptive.AverageLearner1D(lambda seed_x: seed_x[1], bounds=(-1, 1))
integral = adaptive.IntegratorLearner(f, bounds=(0, 1), tol=1e-8)
sequence = adaptive.SequenceLearner(f, [1.0, 2.0])
minimum = adaptive.SKOptLearner(f, dimensions=[(-1.0, 1.0)])
axes = {"energy": adaptive.Log(1, 10, unit="meV"), "angle": adaptive.Periodic(0, 360), "spin": adaptive.Fixed(1)}
layers = adaptive.Int(1, 9)
space = adaptive.Space(axes, field=adaptive.Linear(0, 1), material=adaptive.Categories(["InAs", "InSb"]))
saver = adaptive.DataSaver(adaptive.Learner1D(f, (0, 1)), arg_picker=lambda result: result["current"])
several = adaptive.BalancingLearner([line, adaptive.Learner1D(f, bounds=(0, 1))], strategy="loss")
program = adaptive.Command("./solver {x}", timeout=60)
learners: list[adaptive.BaseLearner] = [line, rational, adaptive.Learner1D(program, bounds=(0, 1))]
over_space: adaptive.BaseLearner = adaptive.LearnerND(h, space)
check_learner(adaptive.Learner1D(f, bounds=(-1, 1)))
adaptive.simple(line, npoints_goal=10)
value, error, poles, total = line.interpolator()(0.5), line.loss(), rational.poles(), integral.igral


def follow(client: Client) -> Any:
    runner = adaptive.Runner(line, executor=client, goal=lambda learner: learner.npoints > 9, checkpoint="scan")
    same: adaptive.AsyncRunner | adaptive.runner.BaseRunner = runner
    same.pause()
    runner.resume()
    adaptive.BlockingRunner(plane, npoints_goal=10, executor=adaptive.runner.SequentialExecutor())
    runs: adaptive.runner.Runs = adaptive.run_many(learners, npoints_goal=10, name="scan")
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
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with both scripts, and with the settings of a user who checks everything."""
    folder = tmp_path_factory.mktemp("scripts")
    (folder / "right.py").write_text(SCRIPT)
    (folder / "wrong.py").write_text(WRONG)
    (folder / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict"}')
    return folder


@pytest.fixture(scope="module")
def mypy(scripts: Path) -> str:
    """What mypy says of both scripts; it reads the whole package, so it is called once."""
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(scripts), "right.py", "wrong.py"]
    return subprocess.run(command, cwd=scripts, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def pyright(scripts: Path) -> str:
    """What pyright, and so Pylance in VS Code, says of both scripts. It runs on the Node.js of Playwright."""
    pytest.importorskip("pyright", reason="needs pyright")
    playwright = pytest.importorskip("playwright", reason="needs the Node.js of Playwright")
    driver = Path(playwright.__file__).parent / "driver"
    package = Path(adaptive_dask.__file__).parents[1]
    environment = {**os.environ, "PATH": f"{driver}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(package)}
    command = [sys.executable, "-m", "pyright", "--pythonpath", sys.executable, "--project", "."]
    done = subprocess.run(command, cwd=scripts, env=environment, capture_output=True, text=True)
    assert "wrong.py" in done.stdout, done.stderr
    return done.stdout


def test_the_script_uses_every_public_class() -> None:
    classes = {name for name in adaptive_dask.__all__ if inspect.isclass(getattr(adaptive_dask, name))}
    assert {name for name in classes if not re.search(rf"\badaptive\.{name}\b", SCRIPT)} == set()
    assert SCRIPT.count("\n") >= 50


@pytest.mark.long
def test_mypy_accepts_a_script_of_a_user(mypy: str) -> None:
    assert "wrong.py" in mypy
    assert "right.py" not in mypy, mypy


@pytest.mark.long
@pytest.mark.parametrize("line", [4, 5, 6, 7])
def test_mypy_finds_mistakes(line: int, mypy: str) -> None:
    assert f"wrong.py:{line}: error" in mypy, mypy


@pytest.mark.long
def test_mypy_knows_the_arguments_of_a_learner(mypy: str) -> None:
    assert re.search(r"wrong.py:8: note: Revealed type is .*bounds: (Union\[)?tuple.*Learner1D", mypy), mypy


@pytest.mark.long
def test_pyright_accepts_a_script_of_a_user(pyright: str) -> None:
    assert "right.py" not in pyright, pyright


@pytest.mark.long
@pytest.mark.parametrize("line", [4, 5, 6, 7])
def test_pyright_finds_mistakes(line: int, pyright: str) -> None:
    assert re.search(rf"wrong.py:{line}:\d+ - error", pyright), pyright


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
