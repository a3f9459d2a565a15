"""Which edge of a triangle to halve where it is known how the function bends."""

import itertools
import math

import numpy as np
import pytest

from adaptive_dask.learner.geometry.bent_edge import most_bent_edge

RIGHT = [(0.0, 0.0), (0.1, 0.0), (0.0, 0.1)]
EQUAL = [(0.0, 0.0), (0.1, 0.0), (0.05, 0.05 * math.sqrt(3))]


def edge(corners, *hessians, slope=(0.0, 0.0)):
    """What is chosen for functions ½ xᵀHx + slope · x, one per component."""
    x = np.array(corners)
    heights = np.stack([0.5 * np.einsum("ki,ij,kj->k", x, h, x) + x @ slope for h in hessians], axis=1)
    gradients = np.concatenate([np.stack([(x @ h)[:, i] + slope[i] for h in hessians], axis=1) for i in (0, 1)], axis=1)
    return most_bent_edge(corners, [(*h, *g) for h, g in zip(0.03 * heights, gradients, strict=True)])


def diagonal(a, b):
    return np.diag([float(a), float(b)])


def test_the_edge_across_a_ridge():
    # The hypotenuse bends as much as the leg, and is longer.
    assert edge(RIGHT, diagonal(9, 0))[:2] == (1, 2)
    flat = [(0.0, 0.0), (0.1, 0.0), (0.05, 0.12)]
    assert edge(flat, diagonal(9, 0))[:2] == (0, 1)
    assert math.dist(flat[0], flat[1]) < math.dist(flat[0], flat[2])
    assert edge(flat, diagonal(0, 9))[:2] in ((0, 2), (1, 2))


@pytest.mark.parametrize("turn", [0.0, 0.3, 1.0, 2.0])
def test_it_turns_with_the_function(turn):
    c, s = math.cos(turn), math.sin(turn)
    rotation = np.array([[c, -s], [s, c]])
    corners = np.array([(0.0, 0.0), (0.1, 0.0), (0.03, 0.15)])
    turned = [tuple(p) for p in (corners @ rotation.T).tolist()]
    assert edge(turned, rotation @ diagonal(20, 1) @ rotation.T)[:2] == (0, 1)


def test_the_longest_edge_where_the_function_bends_equally_or_not_at_all():
    for hessian in (diagonal(5, 5), diagonal(0, 0)):
        for order in itertools.permutations(range(3)):
            corners = [RIGHT[i] for i in order]
            i, j, even = edge(corners, hessian)
            assert {corners[i], corners[j]} == {RIGHT[1], RIGHT[2]}
            assert not even


def test_an_even_saddle_is_told_from_others():
    assert edge(EQUAL, diagonal(3, -3)).in_even_saddle
    assert edge(EQUAL, np.array([[0.0, 2.0], [2.0, 0.0]]), slope=(4.0, -1.0)).in_even_saddle
    assert edge(EQUAL, diagonal(3, -2.5)).in_even_saddle
    assert not edge(EQUAL, diagonal(3, -1)).in_even_saddle
    assert not edge(EQUAL, diagonal(3, 3)).in_even_saddle
    # The longest edge, although the function is straight along it.
    assert edge(RIGHT, diagonal(3, -3)) == (1, 2, True)


def test_all_components_count():
    assert edge(RIGHT, diagonal(3, -3), diagonal(1, -1)).in_even_saddle
    assert not edge(RIGHT, diagonal(3, -3), diagonal(9, 9)).in_even_saddle
    corners = [(0.0, 0.0), (0.1, 0.0), (0.0, 0.12)]
    assert edge(corners, diagonal(0, 0.1), diagonal(40, 0))[:2] != (0, 2)


@pytest.mark.parametrize("bad", [math.inf, math.nan, 1e308])
def test_it_always_gives_an_edge(bad):
    for gradients in ([(bad, 0.0), (0.0, 0.0), (0.0, 0.0)], [(bad, -bad), (-bad, bad), (0.0, 0.0)]):
        assert most_bent_edge(RIGHT, [(0.0, *gradient) for gradient in gradients])[:2] == (1, 2)
    flat = [(0.0, 0.0), (0.1, 0.0), (0.3, 0.0)]
    assert edge(flat, diagonal(1, 1))[:2] == (1, 2) or edge(flat, diagonal(1, 1))[:2] == (0, 2)
