"""The learners over space against python-adaptive: the same function, the same number of points."""

import functools
import itertools
import random

import adaptive
import numpy as np
import pytest
from adaptive.learner import learner2D as peer2D
from adaptive.learner import learnerND as peerND
from scipy.interpolate import LinearNDInterpolator

from adaptive_dask.learner import learner2D, learnerND
from adaptive_dask.learner.learner2D import Learner2D
from adaptive_dask.learner.learnerND import LearnerND
from adaptive_dask.testing.functions import ring

SQUARE = [(-1, 1), (-1, 1)]
LINE = np.linspace(-0.99, 0.99, 40)
GRID = np.stack(np.meshgrid(LINE, LINE), axis=-1).reshape(-1, 2)


def peak(xy):
    x, y = xy
    return x + 0.05**2 / (0.05**2 + (x - 0.3) ** 2 + (y - 0.2) ** 2)


def step(xy):
    return float(xy[0] + 0.5 * xy[1] ** 2 > 0.1)


def run(learner, n, k=8):
    while learner.npoints < n:
        points, _ = learner.ask(min(k, n - learner.npoints))
        learner.tell_many(points, [learner.function(point) for point in points])
    return learner


@functools.cache
def exact_on_grid(function):
    return np.array([function(point) for point in GRID])


def error(learner):
    points = np.array(list(learner.data))
    values = np.array(list(learner.data.values()))
    return np.abs(LinearNDInterpolator(points, values)(GRID) - exact_on_grid(learner.function)).mean()


@pytest.mark.long
@pytest.mark.parametrize("function", [ring, peak, step])
def test_the_same_number_of_points_tells_as_much(function):
    flat = run(Learner2D(function, SQUARE), 400)
    peer = run(adaptive.Learner2D(function, SQUARE), 400)
    assert error(flat) < 1.15 * error(peer)
    simplices, peer = LearnerND(function, SQUARE), adaptive.LearnerND(function, SQUARE)
    # The largest loss jumps when something new is found.
    ratios = [run(simplices, n).loss() / run(peer, n).loss() for n in range(320, 401, 20)]
    assert np.median(ratios) < 1.5
    assert error(simplices) < 1.3 * error(peer)
    best = run(LearnerND(function, SQUARE, learnerND.interpolation_loss_function()), 400)
    uniform = run(LearnerND(function, SQUARE, learnerND.uniform_loss), 400)
    assert error(best) < 0.7 * error(uniform)


@pytest.mark.parametrize("name", ["default_loss", "uniform_loss", "std_loss", "triangle_loss", "curvature_loss"])
@pytest.mark.parametrize("vdim", [1, 2])
@pytest.mark.parametrize("dim", [2, 3])
def test_losses_of_a_simplex_are_the_peers(name, vdim, dim):
    rng = np.random.default_rng(dim * 10 + vdim)
    ours = learnerND.curvature_loss_function() if name == "curvature_loss" else getattr(learnerND, name)
    peers = peerND.curvature_loss_function() if name == "curvature_loss" else getattr(peerND, name)
    for missing in (None, 0):
        simplex, neighbors = rng.random((dim + 1, dim)), list(rng.random((dim + 1, dim)) + 1)
        values, others = rng.random((dim + 1, vdim)), list(rng.random((dim + 1, vdim)))
        if vdim == 1:
            values, others = values[:, 0], [float(y[0]) for y in others]
        if missing is not None:
            neighbors[missing] = others[missing] = None
        arguments = [simplex, values, 1.0]
        if ours.nth_neighbors:
            arguments += [neighbors, others]
        assert ours(*arguments) == pytest.approx(float(np.squeeze(peers(*arguments))), rel=1e-9)


@pytest.mark.parametrize("name", ["areas", "uniform_loss", "minimize_triangle_surface_loss", "triangle_loss"])
def test_losses_of_triangles_are_the_peers(name):
    points = np.random.default_rng(0).random((50, 2)) - 0.5
    ip = LinearNDInterpolator(points, np.array([ring(p) for p in points]))
    ours, peers = getattr(learner2D, name)(ip), getattr(peer2D, name)(ip)
    # The peer's volumes come from a Cayley-Menger determinant, which loses half of the digits.
    assert ours == pytest.approx(np.array(peers), rel=1e-4, abs=1e-7)


def test_local_gradients_lead_to_similar_losses_as_global_ones():
    points = run(Learner2D(ring, SQUARE), 1000).to_numpy()
    ip = LinearNDInterpolator(points[:, :2] / 2, points[:, 2])
    ours, peers = learner2D.default_loss(ip), peer2D.default_loss(ip)
    assert np.corrcoef(np.argsort(np.argsort(ours)), np.argsort(np.argsort(peers)))[0, 1] > 0.5
    assert np.median(ours) == pytest.approx(np.median(peers), rel=0.3)


def _cells(learner):
    mesh = learner._partition.mesh
    return {frozenset(map(mesh.point, simplex)) for simplex in mesh.slot_of}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("dim", "side"), [(2, 6), (3, 3)])
@pytest.mark.parametrize("kind", ["Learner2D", "LearnerND"])
def test_the_triangulation_of_a_lattice_does_not_depend_on_how_it_was_told(kind, dim, side, seed):
    if kind == "Learner2D" and dim > 2:
        pytest.skip("two dimensions only")
    rng = random.Random(seed)
    points = [tuple(map(float, p)) for p in itertools.product(np.linspace(0, 1, side), repeat=dim)]
    rng.shuffle(points)
    values = [p[0] + p[1] ** 2 for p in points]

    def make():
        return {"Learner2D": Learner2D, "LearnerND": LearnerND}[kind](sum, [(0, 1)] * dim)

    at_once, one_by_one, in_groups, asked = make(), make(), make(), make()
    at_once.tell_many(points, values)
    start = 0
    while start < len(points):
        end = start + rng.randint(1, 7)
        in_groups.tell_many(points[start:end], values[start:end])
        in_groups.loss()
        start = end
    for point in points:
        if rng.random() < 0.5:
            asked.tell_pending(point)
        if rng.random() < 0.3:
            asked.ask(1, tell_pending=False)
    for point, value in zip(points, values, strict=True):
        for learner in (one_by_one, asked):
            learner.tell(point, value)
            if rng.random() < 0.3:
                learner.loss()
    for learner in (one_by_one, in_groups, asked):
        assert _cells(learner) == _cells(at_once)
        assert learner.loss() == pytest.approx(at_once.loss())


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("dim", "side"), [(2, 5), (3, 3)])
def test_the_triangulation_of_a_lattice_is_python_adaptives(dim, side, seed):
    corners = [tuple(map(float, p)) for p in itertools.product((0, 1), repeat=dim)]
    points = [tuple(map(float, p)) for p in itertools.product(np.linspace(0, 1, side), repeat=dim)]
    points = [p for p in points if p not in corners]
    random.Random(seed).shuffle(points)
    points = corners + points
    theirs, mine = adaptive.LearnerND(sum, [(0, 1)] * dim), LearnerND(sum, [(0, 1)] * dim)
    mine.tell_many(points, map(sum, points))
    for point in points:
        theirs.tell(point, sum(point))
    assert _cells(mine) == {frozenset(map(tuple, theirs.tri.get_vertices(s))) for s in theirs.tri.simplices}
