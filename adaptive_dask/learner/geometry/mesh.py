"""An incremental Delaunay mesh, with its simplices in numbered slots of arrays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from adaptive_triangulation import Triangulation
from numpy.typing import NDArray

from adaptive_dask.learner.capacity import longer

from .seams import Seams
from .simplices import ON_FACE, Floats, Ints, at_corners, barycentric, distinct, volumes

Simplex = tuple[int, ...]
Point = tuple[float, ...]


_LARGEST_KEY = 2**62


class SavedMesh(NamedTuple):
    """The simplices of a mesh.

    Attributes
    ----------
    simplices : array of int32, shape (n, d + 1)
        By slot; zeros for free slots.
    free : array of int32
        The free slots, with the next one last.
    """

    simplices: NDArray[np.int32]
    free: NDArray[np.int32]

    def live(self) -> list[Simplex]:
        """Return the simplices in the order of their slots."""
        return list(map(tuple, self.simplices[self.simplices[:, 1] > 0].tolist()))


class SimplexMesh:
    """The Delaunay triangulation of a domain, in arrays, so that work on simplices can be vectorized.

    The triangulation itself is that of adaptive-triangulation. This class assigns a slot to every simplex, a row number
    that is constant while the simplex exists, and reused afterwards. Insertions are collected, and `commit` updates the
    arrays. Simplices that exist only between two commits therefore cost only their triangulation.

    Parameters
    ----------
    points : array, shape (k, d)
        Points whose convex hull is the domain. Coordinates should be of order one.
    saved : SavedMesh, optional
        Restores a mesh of these points, slot by slot, even if several triangulations are Delaunay.
    periodic : sequence of d bools, optional
        The periodic axes of a box.

    Attributes
    ----------
    vertices : array of int, shape (capacity, d + 1)
        The vertex indices of the simplex in each slot, in ascending order.
    places : list of tuple of float
        The coordinates of the vertices, faster to read one by one than `points`.
    slot_of : dict of simplex to slot
        The simplices after the last commit.
    """

    def __init__(self, points: Floats, saved: SavedMesh | None = None, periodic: Sequence[bool] = ()) -> None:
        simplices = None if saved is None else saved.live()
        triangulate: Any = Triangulation  # its stub lacks the second argument
        self._triangulation: Any = triangulate(points, simplices)
        self.dim = points.shape[1]
        self._points = np.zeros((max(64, 2 * len(points)), self.dim))
        self._key_weights = _key_weights(self.dim, len(self._points))
        self._points[: len(points)] = points
        self.places: list[Point] = list(map(tuple, points.tolist()))
        self.n_points = len(points)
        self._n_committed = 0
        self.vertices: Ints = np.zeros((0, self.dim + 1), dtype=np.intp)
        self._neighbors: Ints | None = None
        self._seams = Seams(points, periodic) if any(periodic) else None
        self.slot_of: dict[Simplex, int] = {}
        self._flags = np.zeros(1, dtype=bool)  # scratch; the last entry is for -1, the outside
        self._vertex_places = np.zeros(len(self._points), dtype=np.intp)  # scratch
        self._n_slots = 0  # that are or were in use
        self._free: Ints = np.zeros(0, dtype=np.intp)  # those that were, with the next one last
        self._dead: list[int] = []
        self._fresh: set[Simplex] = set()
        # The vertices of faces without a neighbor. A walk around them from face to face may be incomplete: the
        # triangulation omits simplices without volume, which leaves gaps inside the domain as well.
        self._on_rim = np.zeros(len(self._points), dtype=bool)
        if saved is None or simplices is None:
            self._fresh.update(self._triangulation.simplices)
            self.commit()
        else:
            self._n_slots = len(saved.simplices)
            self._free = saved.free.astype(np.intp)
            slots = np.flatnonzero(saved.simplices[:, 1])
            self._put(simplices, saved.simplices[slots].astype(np.intp), slots, slots[:0])

    def save(self) -> SavedMesh:
        """Return the simplices after the last commit; no point may have been inserted since then."""
        simplices = self.vertices[: self._n_slots].astype(np.int32)
        simplices[self._free] = 0
        return SavedMesh(simplices, self._free.astype(np.int32))

    @property
    def points(self) -> Floats:
        """The coordinates of the vertices, shape (n_points, d)."""
        return self._points[: self.n_points]

    def point(self, vertex: int) -> Point:
        """Return the coordinates of a vertex."""
        return self.places[vertex]

    @property
    def neighbors(self) -> Ints:
        """The slot across the face opposite to each vertex, or -1 on the hull, shape (capacity, d + 1).

        They are updated from the first time that they are read, because not all losses need them.
        """
        if self._neighbors is None:
            slots = self.live_slots()
            self._neighbors = np.full(self.vertices.shape, -1, dtype=np.intp)
            lonely = self._join(slots, self.vertices[slots], *self._cavity_walls(slots[:0]))
            self._note_rim(*np.divmod(lonely, self.dim + 1))
        return self._neighbors

    @property
    def seams(self) -> Seams | None:
        """The neighbors across periodic axes, or None without such an axis; updated from the first time, as well."""
        if self._seams is not None and not self._seams.is_used:
            slots = self.live_slots()
            self._seams.update(self, slots, slots[:0])
        return self._seams

    @property
    def capacity(self) -> int:
        """The number of slots, in use or free."""
        return len(self.vertices)

    def live_slots(self) -> Ints:
        """Return the slots in use, in the order in which their simplices were added."""
        return np.fromiter(self.slot_of.values(), dtype=np.intp, count=len(self.slot_of))

    def simplex(self, slot: int) -> Simplex:
        """Return the simplex in a slot."""
        return tuple(self.vertices[slot].tolist())

    def volumes(self, slots: Ints) -> Floats:
        """Return the volumes of the simplices in slots, shape (m,)."""
        return volumes(at_corners(self._points, self.vertices.take(slots, axis=0)))

    def locate(self, point: Point) -> Simplex | None:
        """Return a simplex that contains the point, or None if it is outside the domain."""
        try:
            found: Simplex = self._triangulation.locate_point(point)
        except (ValueError, AssertionError):
            # The walk reached a simplex that is almost flat.
            return self._search(point)
        return found or None

    def _search(self, point: Point) -> Simplex | None:
        simplices: list[Simplex] = sorted(self._triangulation.simplices)
        least = barycentric(self._points[np.array(simplices)], np.array([point]))[:, 0].min(axis=1)
        best = int(least.argmax())
        return simplices[best] if least[best] >= -ON_FACE else None

    def containing(self, face: Iterable[int]) -> set[Simplex]:
        """Return the simplices that have all these vertices."""
        found: set[Simplex] = self._triangulation.containing(tuple(face))
        return found

    def attached(self, vertices: Iterable[int]) -> Ints:
        """Return the slots of all simplices that have at least one of these vertices, after a commit."""
        slot_of = self.slot_of
        simplices: set[Simplex] = set().union(*map(self._triangulation.vertex_to_simplices_for, vertices))
        return np.fromiter(sorted(slot_of[s] for s in simplices), dtype=np.intp, count=len(simplices))

    def surroundings(self, slots: Ints) -> tuple[Ints, Ints, Ints]:
        """Return all vertices of some simplices, and all simplices around these vertices, after a commit.

        This is the same as `attached` of the vertices, for many simplices: it walks from face to face around every
        vertex.

        Parameters
        ----------
        slots : array of int

        Returns
        -------
        vertices, slots : arrays of int
            In ascending order.
        places : array of int, shape (number of slots, d + 1)
            The positions in ``vertices`` of the vertices of simplices, counted from 1, or 0 if they are not in it.
        """
        vertices = distinct(self.vertices.take(slots, axis=0).ravel())
        if not len(vertices):
            return vertices, slots, np.zeros((0, self.dim + 1), dtype=np.intp)
        neighbors = self.neighbors  # to compute them would need the flags
        place, seen = self._vertex_places, self._flags
        place[vertices] = np.arange(1, len(vertices) + 1)
        seen[slots] = seen[-1] = True
        found = [slots]
        front = neighbors.take(slots, axis=0).ravel()
        on_rim = vertices[self._on_rim[vertices]]
        if len(on_rim):
            front = np.concatenate([front, self.attached(on_rim.tolist())])
        front = front[~seen[front]]  # across a face, so around its vertices
        while len(front):
            seen[front] = True
            found.append(front)
            front = neighbors.take(front, axis=0).ravel()
            front = front[~seen[front]]
            front = front[np.bitwise_or.reduce(place.take(self.vertices.take(front, axis=0).T)) > 0]
        around = distinct(np.concatenate(found))
        places = place.take(self.vertices.take(around, axis=0))
        place[vertices] = 0
        seen[around] = seen[-1] = False
        return vertices, around, places

    def insert(self, point: Point, hint: Simplex | None = None) -> tuple[set[Simplex], set[Simplex]] | None:
        """Add a point of the domain to the triangulation.

        Parameters
        ----------
        point : tuple of float
        hint : simplex, optional
            A simplex that contains the point. By default, the triangulation searches it.

        Returns
        -------
        deleted, added : sets of simplices
            The simplices that were replaced. None if the point is too close to a vertex or too far from the domain to
            be triangulated; then, the mesh is not changed.
        """
        if hint is None:
            hint = self.locate(point)
            if hint is None:
                return None
        try:
            deleted, added = self._triangulation.add_point(point, hint)
        except (ValueError, AssertionError):
            # Closer to a vertex than the resolution of the predicates (1e-8 of the simplex).
            return None
        if self.n_points == len(self._points):
            self._points = np.concatenate([self._points, np.zeros_like(self._points)])
            self._key_weights = _key_weights(self.dim, len(self._points))
            self._vertex_places = np.zeros(len(self._points), dtype=np.intp)
            self._on_rim = np.concatenate([self._on_rim, np.zeros_like(self._on_rim)])
        self._points[self.n_points] = point
        self.places.append(point)
        self.n_points += 1
        passing = deleted & self._fresh
        if passing:
            self._fresh -= passing
            self._dead += map(self.slot_of.pop, deleted - passing)
        else:
            self._dead += map(self.slot_of.pop, deleted)
        self._fresh |= added
        return deleted, added

    def commit(self) -> tuple[Ints, Ints, Ints]:
        """Update the arrays.

        Returns
        -------
        gone, born : arrays of int
            The slots that have become free, and those of the new simplices.
        bared : array of int
            The slots of old simplices with a changed neighbor that is not new, because the triangulation omits, or had
            omitted, a simplex without volume.
        """
        fresh = list(self._fresh)
        shape = len(fresh), self.dim + 1
        vertices = np.fromiter(chain.from_iterable(fresh), dtype=np.intp, count=shape[0] * shape[1]).reshape(shape)
        dead = np.array(self._dead, dtype=np.intp)
        # Both sorted, because slots decide ties and must not depend on the order of sets in memory.
        order = np.lexsort(vertices.T[::-1])
        dead.sort()
        free = np.concatenate([self._free, dead])
        if (missing := len(fresh) - len(free)) > 0:
            free = np.concatenate([np.arange(self._n_slots + missing, self._n_slots, -1) - 1, free])
            self._n_slots += missing
        first = len(free) - len(fresh)
        self._free, born = free[:first], free[first:]
        slots = np.empty_like(born)
        slots[order] = born
        bared = self._put(fresh, vertices, slots, dead)
        self._dead, self._fresh = [], set()
        return dead[: max(0, len(dead) - len(fresh))], born, bared  # the last of the dead slots were reused

    def opposite_vertices(self, slots: Ints) -> Ints:
        """Return the vertex of each face neighbour, also across seams, that is not on the shared face.

        Parameters
        ----------
        slots : array of int, shape (m,)

        Returns
        -------
        array of int, shape (m, d + 1)
            Entry i is across the face opposite to vertex i, or -1 on the hull.
        """
        own = self.vertices.take(slots, axis=0)
        across = self.neighbors.take(slots, axis=0)
        face_sums = own.sum(axis=1, keepdims=True) - own
        opposite: Ints = self.vertices.take(across, axis=0).sum(axis=2) - face_sums
        opposite[across < 0] = -1
        if self.seams is not None:
            places = self.seams.partners(slots)
            opposite = np.where(places >= 0, self.vertices.reshape(-1).take(places), opposite)
        return opposite

    def _put(self, simplices: list[Simplex], vertices: Ints, slots: Ints, dead: Ints) -> Ints:
        """Put simplices into slots, replacing those in the dead ones; return those that were bared."""
        if self._n_slots > self.capacity:
            new = max(64, 2 * self._n_slots)
            self.vertices = longer(self.vertices, new)
            if self._neighbors is not None:
                self._neighbors = longer(self._neighbors, new, -1)
            self._flags = np.zeros(new + 1, dtype=bool)
        walls = None if self._neighbors is None else self._cavity_walls(dead)
        self.slot_of.update(zip(simplices, slots.tolist(), strict=True))
        self.vertices[slots] = vertices
        bared = slots[:0] if walls is None else self._bare(self._join(slots, vertices, *walls), slots)
        self._n_committed = self.n_points
        if self._seams is not None and self._seams.is_used:
            self._seams.update(self, slots, dead)
        return bared

    def _cavity_walls(self, dead: Ints) -> tuple[Ints, Ints]:
        """Return the keys and places (see `_join`) of the faces that dead simplices share with others."""
        no_wall = self._flags  # dead, or outside
        no_wall[dead] = no_wall[-1] = True
        around = self.neighbors.take(dead, axis=0)
        rows, sides = (~no_wall.take(around)).nonzero()
        no_wall[dead] = no_wall[-1] = False
        outer = around[rows, sides]
        outer_sides = (self.neighbors.take(outer, axis=0) == dead[rows, None]).argmax(axis=1)
        return self._face_keys(self.vertices.take(dead, axis=0))[rows, sides], outer * (self.dim + 1) + outer_sides

    def _join(self, born: Ints, fresh: Ints, outer_keys: Ints, outer_places: Ints) -> Ints:
        """Pair the faces of the new simplices with each other and with the walls of the cavity.

        The place of a face is its index in the flattened array of neighbors. Return those without a partner.
        """
        sides = self.dim + 1
        keys = np.concatenate([self._face_keys(fresh).ravel(), outer_keys])
        places = np.concatenate([np.add.outer(born * sides, np.arange(sides)).ravel(), outer_places])
        order = keys.argsort(kind="stable")
        keys, places = keys.take(order), places.take(order)
        pairs = (keys[1:] == keys[:-1]).nonzero()[0]
        if (keys[2:] == keys[:-2]).any():  # if simplices overlap by rounding, three may have a face: two are neighbors
            pairs = pairs[np.concatenate([[True], pairs[1:] > pairs[:-1] + 1])]
        left, right = places.take(pairs), places.take(pairs + 1)
        neighbors = self.neighbors.reshape(-1)
        # A wall without a partner is on the hull: the simplex behind it had no volume and was omitted.
        neighbors[places] = -1
        neighbors[left] = right // sides
        neighbors[right] = left // sides
        lonely: Ints = places[neighbors[places] < 0]
        return lonely

    def _bare(self, lonely: Ints, born: Ints) -> Ints:
        """Return the old simplices that have one of these faces.

        An old face is now on the hull. A new face is on the hull, or was before, because the simplex behind it was
        omitted.
        """
        if not len(lonely):
            return lonely
        n_sides, flags = self.dim + 1, self._flags
        slots, sides = np.divmod(lonely, n_sides)
        faces = self._note_rim(slots, sides)
        flags[born] = True
        is_new = flags[slots]
        flags[born] = False
        bared: list[int] = slots[~is_new].tolist()
        neighbors = self.neighbors.reshape(-1)
        for row in (is_new & (faces < self._n_committed).all(axis=1)).nonzero()[0].tolist():
            face, place, slot = set(faces[row].tolist()), lonely[row], slots.item(row)
            for other in self.containing(face):
                behind = self.slot_of[other]
                back = behind * n_sides + next(i for i, vertex in enumerate(other) if vertex not in face)
                if behind != slot and neighbors[back] < 0 and neighbors[place] < 0:
                    neighbors[place], neighbors[back] = behind, slot
                    bared.append(behind)
        return distinct(np.array(bared, dtype=np.intp)) if bared else born[:0]

    def _note_rim(self, slots: Ints, sides: Ints) -> Ints:
        """Note the vertices of faces on the hull; return them, shape (k, d + 1), one of them twice."""
        faces = self.vertices[slots]
        rows = np.arange(len(slots))
        faces[rows, sides] = faces[rows, sides - 1]  # instead of the opposite vertex
        self._on_rim[faces] = True
        return faces

    def _face_keys(self, simplices: Ints) -> Ints:
        """Return a key, equal for equal faces, of the face opposite to each vertex; simplices have shape (m, d + 1)."""
        if self._key_weights is not None:
            return np.asarray(simplices @ self._key_weights)
        # Long keys: the bytes of all the vertices.
        others = [[j for j in range(self.dim + 1) if j != i] for i in range(self.dim + 1)]
        keys: Ints = np.ascontiguousarray(simplices[:, others]).view(f"V{simplices.itemsize * self.dim}")[..., 0]
        return keys


def _key_weights(dim: int, base: int) -> Ints | None:
    """Return weights of vertices for keys of the faces opposite to each vertex: numbers in some base.

    Vertices before the omitted one keep their digits, the others are shifted. None if the numbers would be too large.
    """
    if base**dim > _LARGEST_KEY:
        return None
    powers = base ** np.arange(dim, dtype=np.intp)
    weights: Ints = np.zeros((dim + 1, dim + 1), dtype=np.intp)
    for i in range(dim + 1):
        weights[:i, i] = powers[:i]
        weights[i + 1 :, i] = powers[i:]
    return weights
