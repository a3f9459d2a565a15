"""Every learner keeps every guarantee: learner × function × loss."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from operator import itemgetter
from typing import Any

import numpy as np
import pytest
from scipy import stats
from scipy.spatial import ConvexHull

from adaptive_dask.learner.average_learner import AverageLearner
from adaptive_dask.learner.average_learner1D import AverageLearner1D
from adaptive_dask.learner.balancing_learner import BalancingLearner
from adaptive_dask.learner.data_saver import DataSaver
from adaptive_dask.learner.integrator_learner import IntegratorLearner
from adaptive_dask.learner.learner1D import (
    Learner1D,
    abs_min_log_loss,
    curvature_loss_function,
    default_loss,
    interpolation_loss_function,
    resolution_loss_function,
    triangle_loss,
    uniform_loss,
)
from adaptive_dask.learner.learner2D import Learner2D
from adaptive_dask.learner.learnerND import LearnerND
from adaptive_dask.learner.losses import simplices, triangles
from adaptive_dask.learner.losses.simplex_error import interpolation_loss_function as simplex_interpolation_loss
from adaptive_dask.learner.rational_learner1D import RationalLearner1D
from adaptive_dask.learner.sequence_learner import SequenceLearner
from adaptive_dask.learner.sparse_grid_learner import SparseGridLearner
from adaptive_dask.testing import GUARANTEES, check_learner
from adaptive_dask.testing import functions as known

Make = Callable[[], Any]


def sines(x: float) -> Any:
    return np.array([math.sin(3 * x), math.cos(5 * x), x])


def constant(x: Any) -> float:
    return 1.0


def pair(point: Any) -> list[float]:
    return [point[0], point[0] * point[1]]


FUNCTIONS_1D: dict[str, tuple[Any, tuple[float, float]]] = {
    "gramacy_lee": (known.gramacy_lee, known.GRAMACY_LEE_BOUNDS),
    "forrester": (known.forrester, known.FORRESTER_BOUNDS),
    "step": (known.step, known.STEP_BOUNDS),
    "cusp": (known.cusp, known.CUSP_BOUNDS),
    "peak": (known.peak, known.PEAK_BOUNDS),
    "vector": (sines, (-1.0, 2.0)),
    "constant": (constant, (-1.0, 1.0)),
}
LOSSES_1D: dict[str, Any] = {
    "default": default_loss,
    "uniform": uniform_loss,
    "triangle": triangle_loss,
    "abs_min_log": abs_min_log_loss,
    "curvature": curvature_loss_function(),
    "resolution": resolution_loss_function(0.001, 0.1),
    "interpolation": interpolation_loss_function(),
}
FUNCTIONS_2D: dict[str, tuple[Any, Any]] = {
    "branin": (known.branin, known.BRANIN_BOUNDS),
    "ring": (known.ring, known.RING_BOUNDS),
    "vector": (pair, ((-1.0, 1.0), (0.0, 1.0))),
    "constant": (constant, ((-1.0, 1.0), (-1.0, 1.0))),
}
FUNCTIONS_3D: dict[str, tuple[Any, Any]] = {
    "ishigami": (known.ishigami, known.ISHIGAMI_BOUNDS),
    "sphere": (known.sphere, known.SPHERE_BOUNDS),
}
LOSSES_2D: dict[str, Any] = {
    "default": triangles.default_loss,
    "uniform": triangles.uniform_loss,
    "minimize_triangle_surface": triangles.minimize_triangle_surface_loss,
    "resolution": triangles.resolution_loss_function(0.01, 0.5),
}
LOSSES_ND: dict[str, Any] = {
    "default": simplices.default_loss,
    "uniform": simplices.uniform_loss,
    "std": simplices.std_loss,
    "triangle": simplices.triangle_loss,
}

STRATEGIES: list[Any] = ["loss_improvements", "loss", "npoints", "cycle", lambda child: child.loss(real=False)]


def noise(seed: int) -> float:
    return math.sin(1e4 * seed)


def named(x: float) -> dict[str, Any]:
    return {"y": known.peak(x), "text": "more"}


def shifted(x: float, by: float) -> float:
    return known.peak(x - by)


def balancing(strategy: Any, kind: Any = Learner1D, function: Any = shifted) -> BalancingLearner:
    learners = [kind(functools.partial(function, by=by), (-1.0, 1.0)) for by in (0.1, 0.2, 0.4)]
    return BalancingLearner(learners, strategy=strategy)


def even(point: Any) -> float:
    return math.exp(-sum((x - 0.1 * k) ** 2 for k, x in enumerate(point)))


def even_named(point: Any) -> dict[str, Any]:
    return {"y": even(point), "text": "more"}


def even_and_shifted(point: Any, by: float) -> float:
    return even(point) + by * point[0]


def steepest(simplex: Any, values: Any, value_scale: float) -> float:
    return float(np.ptp(values) + 0.1 * np.ptp(simplex[:, 0]))


def widest(ip: Any) -> Any:
    return np.sqrt(triangles.areas(ip))


def in_space() -> dict[str, Make]:
    """Other ways of dividing a region, other losses, and learners over space in other learners."""
    cube = [(-1.0, 1.0)] * 6
    hull = ConvexHull(np.random.default_rng(0).normal(size=(9, 3)))

    def balanced(dim: int) -> BalancingLearner:
        functions = [functools.partial(even_and_shifted, by=by) for by in (0.1, 0.2, 0.4)]
        return BalancingLearner([LearnerND(function, cube[:dim]) for function in functions])

    ring, ring_bounds = known.ring, known.RING_BOUNDS
    return {
        "LearnerND-1": lambda: LearnerND(even, cube[:1]),
        "LearnerND-1-triangle": lambda: LearnerND(even, cube[:1], simplices.triangle_loss),
        "LearnerND-6": lambda: LearnerND(even, cube),
        "LearnerND-boxes": lambda: LearnerND(even, cube[:3], partition="boxes"),
        "LearnerND-boxes-vector": lambda: LearnerND(pair, cube[:2], partition="boxes"),
        "LearnerND-hull": lambda: LearnerND(even, hull),
        "LearnerND-4": lambda: LearnerND(even, cube[:4]),
        "LearnerND-interpolation": lambda: LearnerND(ring, ring_bounds, simplex_interpolation_loss()),
        "LearnerND-curvature": lambda: LearnerND(ring, ring_bounds, simplices.curvature_loss_function()),
        "LearnerND-anisotropic": lambda: LearnerND(ring, ring_bounds, anisotropic=True),
        "LearnerND-custom": lambda: LearnerND(ring, ring_bounds, steepest),
        "Learner2D-triangle": lambda: Learner2D(ring, ring_bounds, triangles.triangle_loss),
        "Learner2D-thresholded": lambda: Learner2D(ring, ring_bounds, triangles.thresholded_loss_function(0.2, 0.8)),
        "Learner2D-custom": lambda: Learner2D(ring, ring_bounds, widest),
        "DataSaver-LearnerND": lambda: DataSaver(LearnerND(even_named, cube[:3]), itemgetter("y")),
        "DataSaver-LearnerND-6": lambda: DataSaver(LearnerND(even_named, cube), itemgetter("y")),
        "BalancingLearner-LearnerND": lambda: balanced(2),
        "BalancingLearner-LearnerND-6": lambda: balanced(6),
    }


def cases() -> dict[str, Make]:
    made: dict[str, Make] = {}
    for f, (function, bounds) in FUNCTIONS_1D.items():
        for name, loss in LOSSES_1D.items():
            if name == "abs_min_log" and f == "step":
                continue  # the logarithm of 0
            if name == "triangle" and f == "constant":
                continue  # all losses are 0, and which of equal intervals is the longest is not always known
            if f == "vector" and name not in ("default", "curvature"):
                continue
            made[f"Learner1D-{f}-{name}"] = functools.partial(Learner1D, function, bounds, loss)
    for f, (function, bounds) in FUNCTIONS_2D.items():
        for name, loss in LOSSES_2D.items():
            if name == "default" or f == "ring":
                made[f"Learner2D-{f}-{name}"] = functools.partial(Learner2D, function, bounds, loss)
    for f, (function, bounds) in (FUNCTIONS_2D | FUNCTIONS_3D).items():
        for name, loss in LOSSES_ND.items():
            if name == "default" or f == "ring":
                made[f"LearnerND-{f}-{name}"] = functools.partial(LearnerND, function, bounds, loss)
    made |= in_space()
    for f, (function, bounds) in FUNCTIONS_1D.items():
        if f != "vector":
            made[f"IntegratorLearner-{f}"] = functools.partial(IntegratorLearner, function, bounds, 1e-10)
    for f, (function, bounds) in (FUNCTIONS_2D | FUNCTIONS_3D).items():
        made[f"SparseGridLearner-{f}"] = functools.partial(SparseGridLearner, function, bounds)
    for basis in ("global", "local"):
        made[f"SparseGridLearner-{basis}"] = functools.partial(SparseGridLearner, even, [(-1, 1)] * 6, basis=basis)
    made["SparseGridLearner-1"] = lambda: SparseGridLearner(even, [(-1, 1)])
    made["SparseGridLearner-distributions"] = lambda: SparseGridLearner(even, [(-1, 1), stats.norm(0, 1)])
    made["DataSaver-SparseGridLearner"] = lambda: DataSaver(
        SparseGridLearner(even_named, [(-1, 1)] * 3), itemgetter("y")
    )
    made["BalancingLearner-SparseGridLearner"] = functools.partial(
        balancing,
        "loss",
        lambda f, bounds: SparseGridLearner(f, [bounds] * 3),
        even_and_shifted,
    )
    made["AverageLearner"] = lambda: AverageLearner(noise, atol=1e-4)
    made["AverageLearner-rtol"] = lambda: AverageLearner(noise, rtol=1e-4)
    for sampling in (0.1, 0.5):
        made[f"AverageLearner1D-{sampling}"] = lambda sampling=sampling: AverageLearner1D(
            known.noisy_peak, (-1, 1), neighbor_sampling=sampling, min_samples=3
        )
    for f, (function, bounds) in FUNCTIONS_1D.items():
        made[f"RationalLearner1D-{f}"] = functools.partial(RationalLearner1D, function, bounds)
    made["RationalLearner1D-complex"] = lambda: RationalLearner1D(lambda x: 1 / (x + 0.01j), (-1, 1))
    made["BalancingLearner-RationalLearner1D"] = functools.partial(balancing, "loss", RationalLearner1D)
    made["DataSaver-RationalLearner1D"] = lambda: DataSaver(RationalLearner1D(named, (-1, 1)), itemgetter("y"))
    made["SequenceLearner"] = lambda: SequenceLearner(known.peak, [0.01 * k for k in range(80)])
    made["SequenceLearner-objects"] = lambda: SequenceLearner(len, [[1, 2], "three", {4: 5}] * 25)
    made["DataSaver"] = lambda: DataSaver(Learner1D(named, (-1, 1)), itemgetter("y"))
    for k, strategy in enumerate(STRATEGIES):
        made[f"BalancingLearner-{k}"] = functools.partial(balancing, strategy)
    made["BalancingLearner-IntegratorLearner"] = functools.partial(
        balancing, "loss_improvements", lambda f, bounds: IntegratorLearner(f, bounds, 1e-10)
    )
    made["BalancingLearner-DataSaver"] = functools.partial(
        balancing,
        "loss",
        lambda f, bounds: DataSaver(Learner1D(f, bounds), itemgetter("y")),
        lambda x, by: {"y": x + by, "by": by},
    )
    made["BalancingLearner-SequenceLearner"] = lambda: BalancingLearner(
        [SequenceLearner(known.peak, [0.01 * k for k in range(25)]) for _ in range(4)]
    )
    made["DataSaver-BalancingLearner"] = lambda: DataSaver(
        balancing("loss", function=lambda x, by: {"y": x}), itemgetter("y")
    )
    return made


CASES = cases()

# One of every kind; the other functions, losses, dimensions and combinations take long.
QUICK = {
    "Learner1D-peak-default",
    "Learner1D-vector-curvature",
    "Learner2D-ring-default",
    "LearnerND-sphere-default",
    "LearnerND-boxes-vector",
    "IntegratorLearner-peak",
    "SparseGridLearner-ring",
    "AverageLearner",
    "AverageLearner1D-0.1",
    "RationalLearner1D-peak",
    "SequenceLearner",
    "DataSaver",
    "BalancingLearner-0",
}
assert CASES.keys() >= QUICK


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.long) for name in CASES]
)
def test_every_guarantee(name: str) -> None:
    # The slowest, a BalancingLearner of boxes in six dimensions, takes 0.6 s; twice that beside other tests.
    assert check_learner(CASES[name], n=24, max_seconds=2.0) == [*GUARANTEES, "bounded_cost"]


@pytest.mark.long
def test_every_guarantee_of_a_model_of_scikit_optimize() -> None:
    pytest.importorskip("skopt")
    from tests.learner.test_skopt_learner import quick

    for dimensions in ([(-2.0, 2.0)], [(-2.0, 2.0), (0.0, 1.0)]):
        learner = quick(dimensions=dimensions, function=lambda x: float(np.sum(np.square(x))), n_initial_points=3)
        assert check_learner(learner, n=6) == [*GUARANTEES, "bounded_cost"]
