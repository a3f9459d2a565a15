"""How points in flight divide a simplex."""

import numpy as np
import pytest

from adaptive_dask.learner.geometry.mesh import SimplexMesh
from adaptive_dask.learner.geometry.refinement import Refinement
from adaptive_dask.learner.geometry.subdivision import Cell, Subdivision

TRIANGLE = {0: (0.0, 0.0), 1: (1.0, 0.0), 2: (0.0, 1.0)}


def test_a_point_divides_the_volume():
    points = {**TRIANGLE, -1: (0.25, 0.25), -2: (0.5, 0.0), -3: (0.1, 0.1)}
    whole = Subdivision.whole((0, 1, 2))
    centre = whole.insert(-1, points.__getitem__)
    assert sorted(cell.share for cell in centre.cells) == pytest.approx([0.25, 0.25, 0.5])
    on_edge = centre.insert(-2, points.__getitem__)
    assert len(on_edge.cells) == 4
    third = on_edge.insert(-3, points.__getitem__)
    for divided in (centre, on_edge, third):
        assert sum(cell.share for cell in divided.cells) == pytest.approx(1)
        for cell in divided.cells:
            a, b, c = (np.array(points[v]) for v in cell.vertices)
            area = abs(np.linalg.det([b - a, c - a]))
            assert area == pytest.approx(cell.share)
    assert third.inside == (-1, -2, -3)
    assert third.insert(-3, points.__getitem__) is third
    assert whole.cells == (Cell(1.0, (0, 1, 2)),)


@pytest.mark.parametrize("dim", [2, 3])
def test_many_points_divide_as_one_after_the_other(dim):
    rng = np.random.default_rng(dim)
    corners = np.vstack([np.zeros(dim), np.eye(dim)])
    inside = [(corners * rng.dirichlet(np.ones(dim + 1))[:, None]).sum(axis=0) for _ in range(30)]
    on_edges = [(corners[0] + share * corners[1]) for share in (0.5, 0.25, 0.125)]
    points = dict(enumerate(map(tuple, corners.tolist())))
    new = [*inside, *on_edges, corners[2], np.ones(dim)]
    points |= {-1 - i: tuple(map(float, point)) for i, point in enumerate(new)}
    one_by_one = whole = Subdivision.whole(tuple(range(dim + 1)))
    vertices = [v for v in points if v < 0]
    for vertex in vertices:
        one_by_one = one_by_one.insert(vertex, points.__getitem__)
    for at_once in (
        whole.insert_many(vertices, points.__getitem__),
        whole.insert_many(vertices[:7], points.__getitem__).insert_many(vertices[5:], points.__getitem__),
    ):
        assert at_once.inside == one_by_one.inside
        assert [cell.vertices for cell in at_once.cells] == [cell.vertices for cell in one_by_one.cells]
        assert [cell.share for cell in at_once.cells] == pytest.approx([cell.share for cell in one_by_one.cells])


def test_a_split_edge_is_split_in_every_cell_that_has_it():
    whole = Subdivision.whole((0, 1, 2, 3))
    once = whole.split(-1, (0, 1))
    twice = once.split(-2, (2, 3))
    assert [cell.share for cell in twice.cells] == [0.25] * 4
    assert whole.split(-1, (0, 7)) is None


def test_a_point_on_a_vertex_or_outside_divides_nothing():
    points = {**TRIANGLE, -1: (0.0, 0.0), -2: (3.0, 3.0)}
    whole = Subdivision.whole((0, 1, 2))
    for vertex in (-1, -2):
        divided = whole.insert(vertex, points.__getitem__)
        assert divided.cells == whole.cells
        assert divided.inside == (vertex,)


def test_a_cell_that_is_given_up_is_not_offered_again():
    once = Subdivision.whole((0, 1, 2)).split(-1, (0, 1))
    rest = once.without(once.largest)
    assert rest.largest == once.cells[1]
    none = rest.without(rest.largest)
    assert none.largest is None
    assert none.largest_share == 0


def test_a_point_on_a_shared_edge_is_in_flight_on_both_sides():
    refinement = Refinement(SimplexMesh(np.array([(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)])))
    mesh = refinement.mesh
    slots = mesh.live_slots()
    refinement.set_losses(slots, np.array([1.0, 1.0]))
    proposal = refinement.propose()
    assert proposal.point == (0.45, 0.45)
    refinement.accept(proposal, -1)
    assert refinement.expected_loss() == pytest.approx(0.55)
    assert [refinement.priorities.priority(slot) for slot in slots.tolist()] == pytest.approx([0.55, 0.55])
    assert refinement.largest_loss() == 1.0
    refinement.restore(({}, {}))
    assert refinement.expected_loss() == 1.0


def test_long_edges_are_cut_off_the_middle_and_short_ones_halved():
    long = Refinement(SimplexMesh(np.array([(0.0, 0.0), (0.0, 1.0), (1.0, 0.0)])))
    assert long.propose() is None
    long.set_losses(long.mesh.live_slots(), np.ones(1))
    assert long.propose().point == pytest.approx((0.45, 0.55))
    short = Refinement(SimplexMesh(np.array([(0.0, 0.0), (0.0, 0.25), (0.25, 0.0)])))
    short.set_losses(short.mesh.live_slots(), np.ones(1))
    assert short.propose().point == (0.125, 0.125)
    solid = Refinement(SimplexMesh(np.array([(0.0, 0.0, 0.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0), (0.0, 0.0, 0.5)])))
    solid.set_losses(solid.mesh.live_slots(), np.ones(1))
    assert solid.propose().point == (0.5, 0.5, 0.0)
