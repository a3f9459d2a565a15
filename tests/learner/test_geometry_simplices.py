"""Measures of simplices."""

import math

import numpy as np
import pytest
from scipy.spatial import ConvexHull, Delaunay

from adaptive_dask.learner.geometry.longest_edge import longest_edge, point_between
from adaptive_dask.learner.geometry.simplices import (
    barycentric,
    determinants,
    embedded_volumes,
    fill_undefined,
    linear_extrapolation,
    vertex_gradients,
    volumes,
    weights_at,
)

DIMS = [2, 3, 4, 5]


@pytest.mark.parametrize("dim", DIMS)
def test_determinants_and_volumes(dim):
    rng = np.random.default_rng(dim)
    matrices = rng.normal(size=(7, dim, dim))
    assert np.allclose(determinants(matrices), np.linalg.det(matrices))
    simplices = rng.random((7, dim + 1, dim))
    assert np.allclose(volumes(simplices), [ConvexHull(simplex).volume for simplex in simplices])
    assert np.allclose(embedded_volumes(simplices), volumes(simplices))


def test_embedded_volume_of_a_triangle_in_space_is_half_the_cross_product():
    rng = np.random.default_rng(0)
    triangles = rng.random((9, 3, 3))
    cross = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    assert np.allclose(embedded_volumes(triangles), np.linalg.norm(cross, axis=1) / 2)
    flat = np.array([[[0.0, 0, 0], [1, 1, 1], [2, 2, 2]]])
    assert embedded_volumes(flat)[0] == 0


@pytest.mark.parametrize("dim", DIMS)
def test_barycentric_coordinates_give_back_the_points(dim):
    rng = np.random.default_rng(dim)
    simplices, points = rng.random((4, dim + 1, dim)), rng.random((5, dim))
    weights = barycentric(simplices, points)
    assert weights.shape == (4, 5, dim + 1)
    assert np.allclose(weights.sum(axis=2), 1)
    assert np.allclose(weights @ simplices, points)
    flat = np.repeat(simplices[:, :1], dim + 1, axis=1)
    assert (barycentric(flat, points) == -np.inf).all()


@pytest.mark.parametrize("dim", DIMS)
def test_linear_functions_are_extrapolated_exactly(dim):
    rng = np.random.default_rng(dim)
    slopes = rng.normal(size=(dim, 3))
    simplices, points = rng.random((4, dim + 1, dim)), rng.random((4, 6, dim))
    assert np.allclose(linear_extrapolation(simplices, simplices @ slopes + 1, points), points @ slopes + 1)
    simplices[0, 1] = simplices[0, 0]
    missing = np.isnan(linear_extrapolation(simplices, simplices @ slopes, points)).all(axis=(1, 2))
    assert missing.tolist() == [True, False, False, False]


def test_vertex_gradients_are_exact_for_linear_and_good_for_quadratic_functions():
    rng = np.random.default_rng(1)
    points = rng.random((400, 2))
    triangles = Delaunay(points).simplices.astype(np.intp)
    linear = points @ [[2.0, 0.0], [-3.0, 1.0]] + 5
    corners, linear = points[triangles], linear[triangles]
    assert np.allclose(vertex_gradients(triangles + 1, corners, linear, 400), [[2, 0], [-3, 1]])
    inside = np.abs(points - 0.5).max(axis=1) < 0.4
    bent = vertex_gradients(triangles + 1, corners, (corners**2).sum(axis=2)[:, :, None], 400)[:, :, 0]
    assert np.abs(bent - 2 * points)[inside].mean() < 0.03
    # Fewer vertices are the same vertices.
    few = np.array([3, 17, 200])
    places = np.zeros(400, dtype=np.intp)
    places[few] = [1, 2, 3]
    some = vertex_gradients(places[triangles], corners, linear, 3)
    assert np.array_equal(some, vertex_gradients(triangles + 1, corners, linear, 400)[few])


def test_undefined_values_count_as_flat():
    values = np.array([[[1.0], [3.0], [np.nan]], [[np.nan], [np.inf], [-np.inf]], [[1.0], [2.0], [3.0]]])
    assert fill_undefined(values)[:, :, 0].tolist() == [[1, 3, 2], [0, 0, 0], [1, 2, 3]]
    assert fill_undefined(values[2:]) is not None


def test_longest_edge_and_ties():
    assert longest_edge([(0.0, 0.0), (1.0, 0.0), (0.0, 2.0)]) == (1, 2)
    third = math.sqrt(0.75)
    assert longest_edge([(0.0, 0.0), (1.0, 0.0), (0.5, third + 1e-12)]) == (0, 1)
    assert point_between((0.0, 1.0), (1.0, 3.0), 0.5) == (0.5, 2.0)
    assert point_between((0.0, 1.0), (1.0, 3.0), 0.25) == (0.25, 1.5)


def test_simplices_that_are_flat_but_for_rounding_contain_nothing():
    """A determinant of 1e-17 or so, where elimination finds a pivot of zero."""
    rng = np.random.default_rng(0)
    found = 0
    for _ in range(2000):
        corners = rng.normal(size=(4, 3))
        corners[3] = corners[:3].T @ rng.dirichlet(np.ones(3))
        edges = corners[1:] - corners[0]
        if determinants(edges) == 0.0:
            continue
        try:
            np.linalg.solve(edges.T, edges.T)
        except np.linalg.LinAlgError:
            found += 1
        both = np.array([corners, np.vstack([np.zeros(3), np.eye(3)])])
        weights = barycentric(both, np.array([[0.2, 0.3, 0.4]]))
        assert np.allclose(weights[1], [[0.1, 0.2, 0.3, 0.4]])
        there = linear_extrapolation(both, np.ones((2, 4, 1)), np.array([[[0.2, 0.3, 0.4]]] * 2))
        assert there[1] == pytest.approx(1.0)
    assert found


@pytest.mark.parametrize("dim", [1, *DIMS])
def test_weights_of_one_point_are_barycentric_coordinates(dim):
    rng = np.random.default_rng(dim)
    for simplex, point in zip(rng.random((20, dim + 1, dim)), rng.random((20, dim)), strict=True):
        expected = barycentric(simplex[None], point[None])[0, 0]
        assert weights_at(simplex.tolist(), point.tolist()) == pytest.approx(expected.tolist(), rel=1e-9, abs=1e-9)
    flat = np.zeros((dim + 1, dim)).tolist()
    assert weights_at(flat, flat[0]) == [-math.inf] * (dim + 1)
