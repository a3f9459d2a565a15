"""The bookkeeping of the mesh agrees with the triangulation that it mirrors."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adaptive_dask.learner.geometry.mesh import SimplexMesh


def cube(dim):
    return np.array(list(itertools.product((0.0, 1.0), repeat=dim)))


def check(mesh):
    slots = mesh.live_slots()
    assert len(set(slots.tolist())) == len(slots) == len(mesh.slot_of)
    # The triangulation's predicates tell apart what is 1e-8 of a simplex: a point that is closer than that to
    # a face of one leaves an overlap or a gap of that order.
    assert mesh.volumes(slots).sum() == pytest.approx(1, rel=1e-6)
    for simplex, slot in mesh.slot_of.items():
        assert tuple(mesh.vertices[slot]) == simplex == tuple(sorted(simplex))
        for side in range(len(simplex)):
            face = simplex[:side] + simplex[side + 1 :]
            across = mesh.containing(face) - {simplex}
            assert len(across) <= 1
            expected = mesh.slot_of[next(iter(across))] if across else -1
            assert mesh.neighbors[slot, side] == expected
            opposite = mesh.opposite_vertices(np.array([slot]))[0, side]
            assert opposite == (next(iter(set(next(iter(across))) - set(face))) if across else -1)


@pytest.mark.parametrize(("dim", "count"), [(2, 150), (3, 60), (4, 20)])
@given(data=st.data())
@settings(max_examples=8)
def test_arrays_follow_insertions_in_batches(dim, count, data):
    coordinate = st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.25, 0.5, 1.0]))
    points = data.draw(st.lists(st.tuples(*[coordinate] * dim), max_size=count))
    batch = data.draw(st.integers(1, 20))
    mesh = SimplexMesh(cube(dim))
    check(mesh)
    for start in range(0, len(points), batch):
        before = mesh.n_points
        inserted = sum(mesh.insert(point) is not None for point in points[start : start + batch])
        assert mesh.n_points == before + inserted
        mesh.commit()
        check(mesh)


@pytest.mark.parametrize("dim", [2, 3])
def test_neighbors_are_the_same_whenever_they_are_read_first(dim):
    meshes = [SimplexMesh(cube(dim)) for _ in range(2)]
    for batch in np.random.default_rng(0).random((10, 12, dim)).tolist():
        for mesh in meshes:
            for point in batch:
                mesh.insert(tuple(point))
            mesh.commit()
        assert meshes[0].neighbors.max() > 0
    assert np.array_equal(meshes[0].neighbors[meshes[0].live_slots()], meshes[1].neighbors[meshes[0].live_slots()])


def test_a_grid_with_all_its_ties_is_triangulated():
    line = np.linspace(0, 1, 9)
    points = list(itertools.product(line.tolist(), repeat=2))
    np.random.default_rng(0).shuffle(points)
    mesh = SimplexMesh(cube(2))
    inserted = sum(mesh.insert(tuple(map(float, point))) is not None for point in points)
    mesh.commit()
    check(mesh)
    assert inserted == 81 - 4
    assert len(mesh.slot_of) == 2 * 8 * 8


def test_duplicates_and_points_outside_change_nothing():
    mesh = SimplexMesh(cube(2))
    assert mesh.insert((0.3, 0.4)) is not None
    mesh.commit()
    simplices = dict(mesh.slot_of)
    for point in [(0.3, 0.4), (0.3, 0.4 + 1e-12), (0.0, 0.0), (2.0, 0.5), (-1e-3, 0.5)]:
        assert mesh.insert(point) is None
    gone, born, bared = mesh.commit()
    assert len(gone) == len(born) == len(bared) == 0
    assert mesh.slot_of == simplices
    check(mesh)


def test_surroundings_are_all_simplices_at_the_vertices():
    rng = np.random.default_rng(2)
    mesh = SimplexMesh(cube(3))
    for point in rng.random((200, 3)).tolist():
        mesh.insert(tuple(point))
    mesh.commit()
    some = np.sort(rng.choice(mesh.live_slots(), 5, replace=False))
    vertices, slots, places = mesh.surroundings(some)
    assert vertices.tolist() == np.unique(mesh.vertices[some]).tolist()
    assert slots.tolist() == mesh.attached(vertices.tolist()).tolist()
    expected = [slot for simplex, slot in mesh.slot_of.items() if set(simplex) & set(vertices.tolist())]
    assert slots.tolist() == sorted(expected)
    assert np.array_equal(places > 0, np.isin(mesh.vertices[slots], vertices))
    assert np.array_equal(vertices[places - 1][places > 0], mesh.vertices[slots][places > 0])


@pytest.mark.parametrize("dim", [2, 3, 4])
def test_neighbors_of_very_many_points(dim, monkeypatch):
    """Where a face does not fit into one integer."""
    points = [tuple(point) for point in np.random.default_rng(dim).random((60, dim)).tolist()]
    meshes = []
    for largest_key in (2**62, 0):
        monkeypatch.setattr("adaptive_dask.learner.geometry.mesh._LARGEST_KEY", largest_key)
        mesh = SimplexMesh(cube(dim))
        for i, point in enumerate(points):
            mesh.insert(point)
            if i % 7 == 0:
                mesh.commit()
        mesh.commit()
        meshes.append(mesh)
    assert np.array_equal(meshes[0].vertices, meshes[1].vertices)
    assert np.array_equal(meshes[0].neighbors, meshes[1].neighbors)


def test_a_saved_mesh_is_the_same_slot_for_slot():
    mesh = SimplexMesh(cube(3))
    points = np.random.default_rng(0).random((80, 3)).round(1)  # on a grid: many triangulations are Delaunay
    for i, point in enumerate(points.tolist()):
        mesh.insert(tuple(point))
        if i % 9 == 0:
            mesh.commit()
    mesh.commit()
    again = SimplexMesh(mesh.points, mesh.save())
    assert again.slot_of == mesh.slot_of
    live = mesh.live_slots()
    assert np.array_equal(again.neighbors[live], mesh.neighbors[live])
    assert np.array_equal(again.volumes(live), mesh.volumes(live))
    for more in np.random.default_rng(1).random((50, 3)).round(2).tolist():
        assert again.insert(tuple(more)) == mesh.insert(tuple(more))
        for theirs, ours in zip(again.commit(), mesh.commit(), strict=True):
            assert np.array_equal(theirs, ours)
