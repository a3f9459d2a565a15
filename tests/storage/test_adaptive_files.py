"""Files that python-adaptive wrote."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import adaptive
import numpy as np
import pytest


def curve(x: float) -> float:
    return x + 0.01 / (0.01 + x**2)


def arrays(x: float) -> Any:
    return np.array([x, x**2])


def plane(xy: tuple[float, ...]) -> float:
    return xy[0] + 2 * xy[1] ** 2


def noise(seed: int) -> float:
    return float(np.random.default_rng(seed).normal())


def noisy_curve(seed_x: tuple[int, float]) -> float:
    return seed_x[1] + 0.1 * noise(seed_x[0])


def more(x: float) -> dict[str, float]:
    return {"y": curve(x), "seconds": 1.0}


def picker(result: dict[str, float]) -> float:
    return result["y"]


KINDS: dict[str, Callable[[Any], Any]] = {
    "Learner1D": lambda m: m.Learner1D(curve, (-1, 1)),
    "Learner1D-vector": lambda m: m.Learner1D(arrays, (-1, 1)),
    "Learner2D": lambda m: m.Learner2D(plane, [(-1, 1), (-1, 1)]),
    "LearnerND": lambda m: m.LearnerND(plane, [(-1, 1), (-1, 1), (0, 1)]),
    "AverageLearner": lambda m: m.AverageLearner(noise, atol=0.01),
    "AverageLearner1D": lambda m: m.AverageLearner1D(noisy_curve, (-1, 1)),
    "IntegratorLearner": lambda m: m.IntegratorLearner(curve, (-1, 1), tol=1e-6),
    "SequenceLearner": lambda m: m.SequenceLearner(curve, [0.1, 0.2, 0.3, 0.5]),
    "DataSaver": lambda m: m.DataSaver(m.Learner1D(more, (-1, 1)), picker),
}
MODULES = {
    "AverageLearner": "average_learner",
    "AverageLearner1D": "average_learner1D",
    "BalancingLearner": "balancing_learner",
    "DataSaver": "data_saver",
    "IntegratorLearner": "integrator_learner",
    "Learner1D": "learner1D",
    "Learner2D": "learner2D",
    "LearnerND": "learnerND",
    "SequenceLearner": "sequence_learner",
}


class Ours:
    """The learners of this package, by name."""

    def __getattr__(self, name: str) -> Any:
        return getattr(pytest.importorskip(f"adaptive_dask.learner.{MODULES[name]}"), name)


def run(learner: Any, n: int = 33) -> Any:
    while learner.npoints < n:
        points, _ = learner.ask(1)
        if not points:
            break
        for x in points:
            learner.tell(x, learner.function(x))
    return learner


@pytest.mark.long
@pytest.mark.parametrize("compress", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_a_file_of_each_kind_of_learner(kind: str, compress: bool, tmp_path: Path) -> None:
    theirs, ours = run(KINDS[kind](adaptive)), KINDS[kind](Ours())
    theirs.save(str(tmp_path / "file"), compress=compress)
    ours.load(tmp_path / "file")
    assert dict(ours.data).keys() == dict(theirs.data).keys()
    for x, y in theirs.data.items():
        np.testing.assert_allclose(ours.data[x], y, rtol=1e-12)
    assert ours.npoints == theirs.npoints
    if kind == "DataSaver":
        assert dict(ours.extra_data) == dict(theirs.extra_data)
    points, _ = ours.ask(3)
    assert not set(map(str, points)) & set(map(str, ours.data))


def test_files_of_a_balancing_learners_children(tmp_path: Path) -> None:
    names = [str(tmp_path / f"{i}") for i in range(3)]
    theirs = run(adaptive.BalancingLearner([adaptive.Learner1D(curve, (-i - 1, 1)) for i in range(3)]))
    theirs.save(names)
    m = Ours()
    ours = m.BalancingLearner([m.Learner1D(curve, (-i - 1, 1)) for i in range(3)])
    ours.load(names)
    assert dict(ours.data) == dict(theirs.data)


def test_python_adaptive_need_not_be_installed(tmp_path: Path) -> None:
    run(KINDS["LearnerND"](adaptive)).save(str(tmp_path / "file"))
    script = (
        "import sys; sys.modules['adaptive'] = None\n"
        "from adaptive_dask.learner.learnerND import LearnerND\n"
        "learner = LearnerND(None, [(-1, 1), (-1, 1), (0, 1)])\n"
        f"learner.load({str(tmp_path / 'file')!r})\n"
        "assert learner.npoints == 33"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=Path(__file__).parents[2])
