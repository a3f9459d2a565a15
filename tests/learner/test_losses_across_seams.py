"""Losses of simplices use the points beyond a seam like those of other neighbours, in whatever order they are told."""

from __future__ import annotations

import itertools
import math
import pickle
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import adaptive_dask as adaptive
from adaptive_dask import Infeasible, Periodic, Space, uses_nth_neighbors
from adaptive_dask.learner import learner2D, learnerND
from adaptive_dask.learner.geometry.mesh import SimplexMesh

Losses = dict[frozenset[tuple[float, ...]], float]
AXES = {"p": Periodic(0, 3), "o": (0, 1)}


@uses_nth_neighbors(1)
def simplex_loss(simplex: Any, values: Any, scale: float, others: Any, other_values: Any) -> float:
    """Return a number that depends on where each neighbour is, and on its value."""
    parts = [
        math.dist(other, corner) * (2 + math.sin(float(np.squeeze(height)) - float(np.squeeze(value))))
        for corner, value, other, height in zip(simplex, values, others, other_values, strict=True)
        if other is not None
    ]
    return sum(parts) + 0.1


@uses_nth_neighbors(1)
def loss_of_triangles(ip: Any) -> Any:
    """Return `simplex_loss` of triangles, from what an interpolator of SciPy has."""
    losses = []
    for simplex, across in zip(ip.tri.simplices.tolist(), ip.tri.neighbors.tolist(), strict=True):
        others: list[Any] = [None] * 3
        for side, k in enumerate(across):
            if k >= 0:
                (others[side],) = {*ip.tri.simplices[k].tolist()} - {*simplex[:side], *simplex[side + 1 :]}
        places = [None if other is None else ip.tri.points[other] for other in others]
        heights = [None if other is None else ip.values[other] for other in others]
        losses.append(simplex_loss(ip.tri.points[simplex], ip.values[simplex], 1.0, places, heights))
    return np.array(losses)


curvature = learnerND.curvature_loss_function()
# By name: the learner, its loss, and the same loss of one simplex.
KINDS: dict[str, tuple[Any, Callable[..., Any], Callable[..., float]]] = {
    "own": (adaptive.LearnerND, simplex_loss, simplex_loss),
    "curvature": (adaptive.LearnerND, curvature, curvature),
    "own of triangles": (adaptive.Learner2D, loss_of_triangles, simplex_loss),
    "undeclared": (adaptive.Learner2D, lambda ip: loss_of_triangles(ip), simplex_loss),
    "triangles": (adaptive.Learner2D, learner2D.triangle_loss, learnerND.triangle_loss),
}
CASES = [
    (kind, axes)
    for kind in KINDS
    for axes in ("p", "pp", "op", "ppo", "ppp", "opo")
    if len(axes) == 2 or KINDS[kind][0] is adaptive.LearnerND
]


def function(x: float, y: float = 0.0, z: float = 0.0) -> float:
    """Return a number, the largest and the smallest at the first two of `points`: the scale does not change later."""
    if x + y + z < 1e-9 or x == 0.75:
        return 20.0 - 40.0 * x
    return math.sin(2 * x + 1) * math.exp(0.4 * y) + z * x


def partly(x: float, y: float = 0.0, z: float = 0.0) -> Any:
    return Infeasible("no") if 2.2 < x + y < 3.1 else function(x, y, z)


def points(axes: str, n: int, seed: int) -> list[tuple[float, ...]]:
    """Return random points, of which a third is on a seam, after two extreme ones and the corners."""
    rng = random.Random(seed)
    corners = list(itertools.product(*[(0.0,) if axis == "p" else (0.0, 1.0) for axis in axes]))
    found = [corners[0], (0.75, *(rng.random() for _ in axes[1:])), *corners[1:]]
    for _ in range(n):
        point = [rng.uniform(0, 3) if axis == "p" else rng.random() for axis in axes]
        if rng.random() < 1 / 3:
            point[rng.choice([i for i, axis in enumerate(axes) if axis == "p"])] = 0.0
        found.append(tuple(point))
    return found


def make(kind: str, axes: str, call: Any = function) -> Any:
    space = Space(**{name: AXES[axis] for name, axis in zip("xyz", axes, strict=False)})
    return KINDS[kind][0](call, space, KINDS[kind][1])


def losses(learner: Any) -> Losses:
    """Return the loss of each simplex, by its corners."""
    partition = learner.learner._partition
    mesh = partition.mesh
    simplices = [frozenset(map(mesh.point, mesh.vertices[slot].tolist())) for slot in mesh.live_slots()]
    return dict(zip(simplices, partition.losses.tolist(), strict=True))


def oracle(learner: Any, kind: str) -> Losses:
    """Compute losses from the definition: a neighbour has the same face, or the same on the other side of a seam."""
    partition, loss = learner.learner._partition, KINDS[kind][2]
    mesh = partition.mesh
    ends = list(zip(mesh.points.min(axis=0), mesh.points.max(axis=0), strict=True))
    scale = partition._rule.value_scale if KINDS[kind][0] is adaptive.LearnerND else 1.0
    heights = dict(zip(mesh.places, partition.values / scale, strict=True))
    simplices = [[mesh.point(v) for v in mesh.vertices[slot].tolist()] for slot in mesh.live_slots()]
    opposite: dict[frozenset[Any], list[Any]] = {}
    for simplex in simplices:
        for corner in simplex:
            opposite.setdefault(frozenset(simplex) - {corner}, []).append(corner)
    found = {}
    for simplex in simplices:
        beyond: list[tuple[Any, Any]] = []
        for corner in simplex:
            face = frozenset(simplex) - {corner}
            across = [(other, heights[other]) for other in opposite[face] if other != corner]
            for axis in np.flatnonzero(learner.learner._periodic):
                for here, there in (ends[axis], ends[axis][::-1]):
                    image = frozenset((*p[:axis], there, *p[axis + 1 :]) for p in face if p[axis] == here)
                    for other in opposite.get(image, []) if len(image) == len(face) else []:
                        moved = (*other[:axis], other[axis] + here - there, *other[axis + 1 :])
                        across.append((moved, heights[other]))
            across = [each for each in across if np.isfinite(each[1]).all()]
            assert len(across) <= 1
            beyond.append(across[0] if across else (None, None))
        if all(np.isfinite(heights[corner]).all() for corner in simplex):
            found[frozenset(simplex)] = loss(simplex, [heights[c] for c in simplex], 1.0, *zip(*beyond, strict=True))
    return found


def tell_in_any_order(learner: Any, told: list[tuple[float, ...]], seed: int) -> None:
    rng, rest = random.Random(seed), told[2:]
    rng.shuffle(rest)
    learner.tell_many(told[:2], [learner.function(point) for point in told[:2]])
    while rest:
        k = rng.choice([1, 1, 2, 4])
        some, rest = rest[:k], rest[k:]
        if rng.random() < 0.3:
            learner.tell_pending(rng.choice(some))
        learner.tell_many(some, [learner.function(point) for point in some])
        if rng.random() < 0.8:
            learner.loss()
        if rng.random() < 0.2:
            learner.ask(3, tell_pending=rng.random() < 0.3)


def check(learner: Any, kind: str) -> None:
    found, expected = losses(learner), oracle(learner, kind)
    assert len(expected) > 1
    assert {simplex: found[simplex] for simplex in expected} == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("call", [function, partly])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("kind", "axes"), CASES)
def test_they_are_those_of_the_definition_after_any_order_of_results(
    kind: str, axes: str, seed: int, call: Any, tmp_path: Path
) -> None:
    told = points(axes, 12 if seed % 2 else 60, seed)
    learner, at_once = make(kind, axes, call), make(kind, axes, call)
    tell_in_any_order(learner, told, seed)
    at_once.tell_many(told, [at_once.function(point) for point in told])
    check(learner, kind)
    check(at_once, kind)
    assert losses(learner) == pytest.approx(losses(at_once), rel=1e-9)
    copy = learner.new()
    learner.save(tmp_path / "data")
    copy.load(tmp_path / "data")
    copies = [copy] if kind == "undeclared" else [copy, pickle.loads(pickle.dumps(learner))]
    for each in copies:
        assert losses(each) == pytest.approx(losses(learner), rel=1e-9)
        more = points(axes, 10, seed + 100)[2 ** len(axes) + 1 :]
        each.tell_many(more, [each.function(point) for point in more])
        check(each, kind)


def partners(mesh: SimplexMesh) -> dict[tuple[int, int], tuple[int, int]]:
    """Return the simplex and the corner beyond each face that has a partner."""
    assert mesh.seams is not None
    slots, sides = mesh.live_slots(), mesh.dim + 1
    places = mesh.seams.partners(slots)
    rows, columns = (places >= 0).nonzero()
    pairs = zip(slots[rows].tolist(), columns.tolist(), places[rows, columns].tolist(), strict=True)
    return {(slot, column): divmod(place, sides) for slot, column, place in pairs}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("dim", [2, 3])
def test_a_point_on_one_side_only_leaves_faces_without_partners(dim: int, seed: int) -> None:
    rng = random.Random(seed)
    mesh = SimplexMesh(np.array(list(itertools.product((0.0, 1.0), repeat=dim))), None, [True, True, False][:dim])
    known = partners(mesh)
    todo = []
    for _ in range(30):
        point = [rng.random() for _ in range(dim)]
        axis = rng.randrange(2)
        todo += [(*point[:axis], end, *point[axis + 1 :]) for end in (0.0, 1.0)]
    rng.shuffle(todo)
    alone = 0
    for point in todo:
        assert mesh.insert(point) is not None
        gone, born, _ = mesh.commit()
        before, known = known, partners(mesh)
        assert all(known[there] == here for here, there in known.items())
        changed = {slot for (slot, _), _ in before.items() ^ known.items()}
        assert mesh.seams is not None
        assert changed <= {*born.tolist(), *mesh.seams.changed.tolist(), *gone.tolist()}
        again = SimplexMesh(mesh.points, mesh.save(), [True, True, False][:dim])
        assert partners(again) == known
        corners = mesh.points[mesh.vertices[mesh.live_slots()]][..., :2]
        alone += len(known) < ((corners % 1 == 0).sum(axis=1) == dim).sum()
    assert alone > 30
