"""Pictures of every kind of learner, from no point to many."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from operator import itemgetter
from typing import Any

import adaptive as python_adaptive
import holoviews
import numpy as np
import pytest

import adaptive_dask as adaptive
from adaptive_dask.plotting import draw


def wave(x: float) -> float:
    return math.sin(5 * x)


def waves(x: float) -> list[float]:
    return [math.sin(5 * x), math.cos(3 * x)]


def resonance(x: float) -> complex:
    return 1 / (x - 0.3 + 0.01j)


def ripple(xy: tuple[float, float]) -> float:
    return wave(xy[0]) * xy[1]


def noise(seed: int) -> float:
    return float(np.random.default_rng(seed).normal())


def noisy_wave(seed_x: tuple[int, float]) -> float:
    seed, x = seed_x
    return wave(x) + 0.3 * noise(seed)


def as_dict(x: float) -> dict[str, float]:
    return {"y": wave(x)}


def shifted(x: float, a: float, b: float) -> float:
    return math.sin(a * x) + b


Maker = Callable[[], Any]
MAKERS: dict[str, Maker] = {
    "Learner1D": lambda: adaptive.Learner1D(wave, (-1, 1)),
    "Learner1D, vectors": lambda: adaptive.Learner1D(waves, (-1, 1)),
    "Learner2D": lambda: adaptive.Learner2D(ripple, [(-1, 1), (0, 2)]),
    "LearnerND": lambda: adaptive.LearnerND(ripple, [(-1, 1), (0, 2)]),
    "LearnerND, one variable": lambda: adaptive.LearnerND(sum, [(-1, 1)]),
    "SparseGridLearner": lambda: adaptive.SparseGridLearner(ripple, [(-1, 1), (0, 2)]),
    "SparseGridLearner, one variable": lambda: adaptive.SparseGridLearner(sum, [(-1, 1)]),
    "AverageLearner": lambda: adaptive.AverageLearner(noise, atol=0.01),
    "AverageLearner1D": lambda: adaptive.AverageLearner1D(noisy_wave, (-1, 1), min_samples=3),
    "RationalLearner1D": lambda: adaptive.RationalLearner1D(wave, (-1, 1)),
    "RationalLearner1D, vectors": lambda: adaptive.RationalLearner1D(waves, (-1, 1)),
    "RationalLearner1D, complex": lambda: adaptive.RationalLearner1D(resonance, (-1, 1)),
    "IntegratorLearner": lambda: adaptive.IntegratorLearner(wave, (-1, 2), 1e-6),
    "SequenceLearner": lambda: adaptive.SequenceLearner(wave, np.linspace(-1, 1, 40)),
    "SequenceLearner, vectors": lambda: adaptive.SequenceLearner(waves, np.linspace(-1, 1, 40)),
    "SequenceLearner, texts": lambda: adaptive.SequenceLearner(str, list(range(40))),
    "BalancingLearner": lambda: adaptive.BalancingLearner.from_product(
        shifted, adaptive.Learner1D, {"bounds": (-1, 1)}, {"a": [1, 2], "b": [0.0, 0.5]}
    ),
    "DataSaver": lambda: adaptive.DataSaver(adaptive.Learner1D(as_dict, (-1, 1)), itemgetter("y")),
}


def run(learner: Any, npoints: int) -> Any:
    told = 0
    while told < npoints:
        points, _ = learner.ask(min(npoints - told, 8))
        if not points:
            break
        told += len(points)
        learner.tell_many(points, [learner.function(x) for x in points])
    return learner


@pytest.mark.long
@pytest.mark.parametrize("npoints", [0, 1, 40])
@pytest.mark.parametrize("kind", MAKERS)
def test_it_is_rendered_alone_and_beside_another(kind: str, npoints: int, backend: str) -> None:
    learner = run(MAKERS[kind](), npoints)
    before = learner._get_data()
    picture = learner.plot()
    holoviews.render(picture + holoviews.Curve([1, 2]), backend=backend)
    assert repr(learner._get_data()) == repr(before)
    assert draw(learner) is not None


@pytest.mark.long
@pytest.mark.parametrize("kind", MAKERS)
def test_it_composes(kind: str, backend: str) -> None:
    learner = run(MAKERS[kind](), 40)
    curve = holoviews.Curve([(0, 0), (1, 1)], "x", "y")
    for changed in (learner.plot() * curve, learner.plot().redim.range(y=(-3, 3)).opts(title="mine")):
        holoviews.render(changed, backend=backend)


@pytest.mark.long
@pytest.mark.parametrize("kind", [kind for kind in MAKERS if kind != "BalancingLearner"])
def test_a_live_plot_goes_from_no_point_to_many(kind: str, backend: str) -> None:
    learner = MAKERS[kind]()
    stream = holoviews.streams.Stream.define("Step", step=0)()
    live = holoviews.DynamicMap(lambda step: learner.plot(), streams=[stream])
    holoviews.renderer(backend).get_plot(live)
    for step, npoints in enumerate((1, 3, 8, 20), start=1):
        run(learner, npoints)
        stream.event(step=step)
    drawn = live.last
    assert type(drawn) is type(learner.plot())


@pytest.mark.parametrize(
    "name",
    [
        "Learner1D",
        "Learner2D",
        "LearnerND",
        "AverageLearner",
        "AverageLearner1D",
        "IntegratorLearner",
        "BalancingLearner",
    ],
)
def test_methods_take_what_those_of_python_adaptive_take(name: str) -> None:
    theirs, ours = getattr(python_adaptive, name), getattr(adaptive, name)
    for method in (each for each in dir(theirs) if each.startswith("plot")):
        expected = list(inspect.signature(getattr(theirs, method)).parameters.values())
        actual = list(inspect.signature(getattr(ours, method)).parameters.values())
        added = actual[len(expected) :]
        assert [(each.name, each.kind, each.default) for each in actual[: len(expected)]] == [
            (each.name, each.kind, each.default) for each in expected
        ]
        assert all(each.kind in (each.KEYWORD_ONLY, each.VAR_KEYWORD) for each in added)
