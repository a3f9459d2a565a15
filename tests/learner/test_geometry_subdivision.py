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
    assert [refinement.priorities.priority(slot) for slot in slots.tolist()] == pytest.approx([0.55, 0.55])
    assert refinement.expected_loss() == pytest.approx(0.55)
    assert refinement.largest_loss() == 1.0
    refinement.clear_pending()
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
