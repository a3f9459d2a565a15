"""A Delaunay mesh that grows point by point, with its simplices in numbered slots of arrays."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from adaptive_triangulation import Triangulation
from numpy.typing import NDArray

from .simplices import Floats, Ints, volumes

Simplex = tuple[int, ...]
Point = tuple[float, ...]


class SavedMesh(NamedTuple):
    """The simplices of a mesh.

    Attributes
    ----------
    simplices : array of int32, shape (capacity, d + 1)
        By slots; zeros where there is none.
    free : array of int32
        The free slots, the next one last.
    """

    simplices: NDArray[np.int32]
    free: NDArray[np.int32]

    def live(self) -> list[Simplex]:
        """The simplices, in the order of their slots."""
        return list(map(tuple, self.simplices[self.simplices[:, 1] > 0].tolist()))


class SimplexMesh:
    """The Delaunay triangulation of a domain, kept in arrays so that work on simplices vectorises.

    The triangulation itself is adaptive-triangulation's. This class gives every simplex a slot: a row
    number that stays the same while the simplex lives and is reused afterwards. Insertions are collected
    and `commit` brings the arrays up to date in one go, so simplices that come and go between two commits
    cost nothing but their triangulation.

    Parameters
    ----------
    points : array, shape (k, d)
        Points whose convex hull is the domain. Coordinates should be of order one.
    saved : SavedMesh, optional
        To have a mesh of these points again, slot for slot, also where several triangulations are Delaunay.

    Attributes
    ----------
    vertices : array of int, shape (capacity, d + 1)
        The vertex indices of the simplex in each slot, ascending.
    neighbors : array of int, shape (capacity, d + 1)
        The slot across the face opposite to each vertex, -1 on the hull.
    volumes : array, shape (capacity,)
    slot_of : dict of simplex to slot
        The simplices as of the last commit.
    """

    def __init__(self, points: Floats, saved: SavedMesh | None = None) -> None:
        simplices = None if saved is None else saved.live()
        triangulate: Any = Triangulation  # its stub lacks the second argument
        self._triangulation: Any = triangulate(points, simplices)
        self.dim = points.shape[1]
        self._other_columns = _other_columns(self.dim)
        self._points = np.zeros((max(64, 2 * len(points)), self.dim))
        self._points[: len(points)] = points
        self.n_points = len(points)
        self.vertices: Ints = np.zeros((0, self.dim + 1), dtype=np.intp)
        self.neighbors: Ints = np.zeros((0, self.dim + 1), dtype=np.intp)
        self.volumes: Floats = np.zeros(0)
        self.slot_of: dict[Simplex, int] = {}
        self._flags = np.zeros(1, dtype=bool)  # scratch; the last entry stands for -1, the outside
        self._vertex_flags = np.zeros(len(self._points), dtype=bool)  # scratch
        self._free: list[int] = []
        self._dead: list[int] = []
        self._fresh: set[Simplex] = set()
        if saved is None or simplices is None:
            self._fresh.update(self._triangulation.simplices)
            self.commit()
        else:
            while self.capacity < len(saved.simplices):
                self._grow()
            self._free = saved.free.tolist()
            self._put(simplices, np.flatnonzero(saved.simplices[:, 1]), np.zeros(0, dtype=np.intp))

    def save(self) -> SavedMesh:
        """The simplices as of the last commit, after which nothing may have been inserted."""
        free = np.array(self._free, dtype=np.int32)
        simplices = self.vertices.astype(np.int32)
        simplices[free] = 0
        return SavedMesh(simplices, free)

    @property
    def points(self) -> Floats:
        """The coordinates of the vertices, shape (n_points, d)."""
        return self._points[: self.n_points]

    def point(self, vertex: int) -> Point:
        """The coordinates of a vertex."""
        return tuple(self._points[vertex].tolist())

    @property
    def capacity(self) -> int:
        """The number of slots, in use or free."""
        return len(self.volumes)

    def live_slots(self) -> Ints:
        """The slots in use, in the order in which their simplices came."""
        return np.fromiter(self.slot_of.values(), dtype=np.intp, count=len(self.slot_of))

    def locate(self, point: Point) -> Simplex | None:
        """A simplex that contains the point, or None if it is outside the domain."""
        found: Simplex = self._triangulation.locate_point(point)
        return found or None

    def containing(self, face: Iterable[int]) -> set[Simplex]:
        """The simplices that have all these vertices."""
        found: set[Simplex] = self._triangulation.containing(tuple(face))
        return found

    def attached(self, vertices: Iterable[int]) -> Ints:
        """The slots of all simplices that have at least one of these vertices, after a commit."""
        slot_of = self.slot_of
        simplices: set[Simplex] = set().union(*map(self._triangulation.vertex_to_simplices_for, vertices))
        return np.fromiter(sorted(slot_of[s] for s in simplices), dtype=np.intp, count=len(simplices))

    def surroundings(self, slots: Ints) -> tuple[Ints, Ints]:
        """All vertices of some simplices, and all simplices around those vertices, after a commit.

        The same as `attached` of the vertices, for many simplices at once: walks from face to face around
        every vertex.

        Parameters
        ----------
        slots : array of int

        Returns
        -------
        vertices, slots : arrays of int
            Ascending.
        """
        vertices = np.unique(self.vertices[slots])
        if not len(vertices):
            return vertices, slots
        is_vertex, seen = self._vertex_flags, self._flags
        is_vertex[vertices] = True
        seen[slots] = seen[-1] = True
        found = [slots]
        front = slots
        while len(front):
            front = self.neighbors[front].ravel()
            front = front[~seen[front]]
            front = np.unique(front[is_vertex[self.vertices[front]].any(axis=1)])
            seen[front] = True
            found.append(front)
        around = np.sort(np.concatenate(found))
        is_vertex[vertices] = False
        seen[around] = seen[-1] = False
        return vertices, around

    def insert(self, point: Point, hint: Simplex | None = None) -> tuple[set[Simplex], set[Simplex]] | None:
        """Add a point of the domain to the triangulation.

        Parameters
        ----------
        point : tuple of float
        hint : simplex, optional
            A simplex that contains the point. Without it the triangulation walks there.

        Returns
        -------
        deleted, added : sets of simplices
            What the point replaced, or None if it is too close to a vertex or too far from the domain to be
            triangulated; the mesh is then as before.
        """
        if hint is None:
            hint = self.locate(point)
            if hint is None:
                return None
        try:
            deleted, added = self._triangulation.add_point(point, hint)
        except (ValueError, AssertionError):
            # Closer to a vertex than the predicates can tell apart (1e-8 of the simplex).
            return None
        if self.n_points == len(self._points):
            self._points = np.concatenate([self._points, np.zeros_like(self._points)])
            self._vertex_flags = np.zeros(len(self._points), dtype=bool)
        self._points[self.n_points] = point
        self.n_points += 1
        passing = deleted & self._fresh
        self._fresh -= passing
        self._fresh |= added
        self._dead += map(self.slot_of.pop, deleted - passing)
        return deleted, added

    def commit(self) -> tuple[Ints, Ints]:
        """Bring the arrays up to date with the insertions.

        Returns
        -------
        dead, born : arrays of int
            The slots that were given up, and those of the new simplices; a slot can be in both.
        """
        # Sorted, because slots decide ties and must not depend on how sets are laid out in memory.
        self._dead.sort()
        fresh = sorted(self._fresh)
        dead = np.array(self._dead, dtype=np.intp)
        self._free += self._dead
        while len(self._free) < len(fresh):
            self._grow()
        first = len(self._free) - len(fresh)
        born = np.array(self._free[first:], dtype=np.intp)
        del self._free[first:]
        self._put(fresh, born, dead)
        self._dead, self._fresh = [], set()
        return dead, born

    def opposite_vertices(self, slots: Ints) -> Ints:
        """The vertex of each face neighbour that is not on the shared face.

        Parameters
        ----------
        slots : array of int, shape (m,)

        Returns
        -------
        array of int, shape (m, d + 1)
            Entry i is across the face opposite to vertex i; -1 on the hull.
        """
        own = self.vertices[slots]
        across = self.neighbors[slots]
        face_sums = own.sum(axis=1, keepdims=True) - own
        opposite: Ints = self.vertices[across].sum(axis=2) - face_sums
        opposite[across < 0] = -1
        return opposite

    def _grow(self) -> None:
        old = self.capacity
        new = max(64, 2 * old)
        self.vertices = np.concatenate([self.vertices, np.zeros((new - old, self.dim + 1), dtype=np.intp)])
        self.neighbors = np.concatenate([self.neighbors, np.full((new - old, self.dim + 1), -1, dtype=np.intp)])
        self.volumes = np.concatenate([self.volumes, np.zeros(new - old)])
        self._flags = np.zeros(new + 1, dtype=bool)
        self._free = [*range(new - 1, old - 1, -1), *self._free]

    def _put(self, simplices: list[Simplex], slots: Ints, dead: Ints) -> None:
        """Put simplices into slots, in place of those that were in the dead ones."""
        shape = len(simplices), self.dim + 1
        vertices = np.fromiter(chain.from_iterable(simplices), dtype=np.intp, count=shape[0] * shape[1]).reshape(shape)
        walls = self._cavity_walls(dead)
        self.slot_of.update(zip(simplices, slots.tolist(), strict=True))
        self.vertices[slots] = vertices
        self.volumes[slots] = volumes(self._points[vertices])
        self._join(slots, vertices, *walls)

    def _cavity_walls(self, dead: Ints) -> tuple[Ints, Ints, Ints]:
        """The surviving simplices around the dead ones, the faces they share and which face it is."""
        d = self.dim
        empty = np.zeros(0, dtype=np.intp)
        if not len(dead):
            return empty, np.zeros((0, d), dtype=np.intp), empty
        is_dead = self._flags
        is_dead[dead] = True
        around = self.neighbors[dead].ravel()
        around = np.unique(around[~is_dead[around] & (around >= 0)])
        rows, sides = np.nonzero(is_dead[self.neighbors[around]])
        outer = around[rows]
        faces = np.take_along_axis(self.vertices[outer], self._other_columns[sides], axis=1)
        is_dead[dead] = False
        return outer, faces, sides

    def _join(self, born: Ints, fresh: Ints, outer: Ints, outer_faces: Ints, outer_sides: Ints) -> None:
        """Pair the faces of the new simplices with each other and with the walls of the cavity."""
        d = self.dim
        faces = np.concatenate([fresh[:, self._other_columns].reshape(-1, d), outer_faces])
        owners = np.concatenate([np.repeat(born, d + 1), outer])
        sides = np.concatenate([np.tile(np.arange(d + 1), len(born)), outer_sides])
        keys = _face_keys(faces, self.n_points)
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        pairs = np.nonzero(keys[1:] == keys[:-1])[0]
        left, right = order[pairs], order[pairs + 1]
        self.neighbors[born] = -1
        # A wall without a partner is on the hull now: what was behind it had no volume and was left out.
        self.neighbors[outer, outer_sides] = -1
        self.neighbors[owners[left], sides[left]] = owners[right]
        self.neighbors[owners[right], sides[right]] = owners[left]


def _other_columns(dim: int) -> Ints:
    """Row i holds the columns 0…dim without i."""
    return np.array([[j for j in range(dim + 1) if j != i] for i in range(dim + 1)], dtype=np.intp)


def _face_keys(faces: Ints, n_points: int) -> Ints:
    """One integer per face, equal for equal faces."""
    dim = faces.shape[1]
    if n_points**dim < 2**62:
        return np.asarray(faces @ (n_points ** np.arange(dim, dtype=np.intp)))
    return np.unique(faces, axis=0, return_inverse=True)[1].reshape(-1).astype(np.intp)
