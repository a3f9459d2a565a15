"""Poles, residues and zeros of the learned function, with uncertainties and without spurious pole-zero pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from adaptive_dask.learner.rational.aaa import Loewner
from adaptive_dask.learner.rational.barycentric import Barycentric
from adaptive_dask.learner.rational.part import Part
from adaptive_dask.learner.rational.poles import residues, roots
from adaptive_dask.types import Array

# A pole is spurious if it moves by more than this fraction of its distance to the axis when samples are omitted.
_STEADY = 0.3


@dataclass
class Resonances:
    """Poles or zeros, ascending in their real parts.

    Attributes
    ----------
    at : array of complex, shape (k,)
    uncertainty : array of float, shape (k,)
        Shifts when samples are omitted.
    residues, residue_uncertainty : array, shape (k, M)
        Residues of poles, and their uncertainties.
    """

    at: Array
    uncertainty: Array
    residues: Array
    residue_uncertainty: Array


def find_poles(parts: list[Part], scale: Array, claim: Callable[[Part], float]) -> Resonances:
    """Find the poles above and below the parts."""
    found = [_poles_of(part, scale, claim(part)) for part in parts]
    return _joined(found, len(scale))


def find_zeros(parts: list[Part], component: int) -> tuple[Array, Array]:
    """Find the zeros of a component above, below and on the parts, and their uncertainties."""
    found = []
    for part in parts:
        if part.rational is not None:
            model = part.rational.model
            at = _near(roots(model.support, model.weights * model.values[:, component]), part)
            others = [roots(m.support, m.weights * m.values[:, component]) for m in _left_out(part, model)]
            moved = _moved(at, others)
            width = part.x[-1] - part.x[0]
            steady = moved < _STEADY * np.maximum(np.abs(at.imag), 0.01 * width)
            found.append((at[steady], moved[steady]))
    if not found:
        return np.empty(0, dtype=complex), np.empty(0)
    at, moved = (np.concatenate(each) for each in zip(*found, strict=True))
    order = np.argsort(at.real, kind="stable")
    return at[order], moved[order]


def _poles_of(part: Part, scale: Array, claim: float) -> Resonances:
    components = len(scale)
    if part.rational is None or part.n < 6:
        return _joined([], components)
    model = part.rational.model
    at = _near(roots(model.support, model.weights), part)
    strength = residues(model, at)
    others = list(_left_out(part, model))
    moved, strength_moved = np.zeros(len(at)), np.zeros(strength.shape)
    for other in others:
        theirs = roots(other.support, other.weights)
        if not len(theirs):
            moved[:] = np.inf
            continue
        distance = np.abs(at[:, np.newaxis] - theirs)
        nearest = distance.argmin(axis=1)
        moved = np.maximum(moved, distance.min(axis=1))
        strength_moved = np.maximum(strength_moved, np.abs(residues(other, theirs[nearest]) - strength))
    if not others:
        moved[:] = np.inf
    # A spurious pole has a zero beside it, so it changes the function by less than the error of the approximation.
    with np.errstate(all="ignore"):
        height = (np.abs(strength) / scale).max(axis=1) / np.abs(at.imag)
    least = max(10 * claim, 1e-11) if np.isfinite(claim) else 1e-3
    keep = (moved < _STEADY * np.abs(at.imag)) & (height > least) & np.isfinite(height)
    return Resonances(at[keep], moved[keep], strength[keep], strength_moved[keep])


def _near(at: Array, part: Part) -> Array:
    """Select the points above, below and on the part."""
    low, high = part.x[0], part.x[-1]
    edge = 1e-9 * (high - low)
    near: Array = at[(at.real >= low - edge) & (at.real <= high + edge) & (np.abs(at.imag) < 0.5 * (high - low))]
    return near


def _moved(at: Array, others: list[Array]) -> Array:
    moved = np.zeros(len(at)) if others else np.full(len(at), np.inf)
    for theirs in others:
        nearest = np.abs(at[:, np.newaxis] - theirs).min(axis=1, initial=np.inf) if len(theirs) else np.inf
        moved = np.maximum(moved, nearest)
    return moved


def _left_out(part: Part, model: Barycentric) -> Iterator[Barycentric]:
    """Yield the same approximation from fewer samples, each time without a share of those between support points."""
    x, y = part.table()
    free = np.flatnonzero(~np.isin(x, model.support))
    needed = -(-model.order // y.shape[1])
    for shares in (2, 3, 5, 9):
        if len(free) - -(-len(free) // shares) >= needed and len(free) >= shares:
            for k in range(shares):
                keep = np.ones(len(x), dtype=bool)
                keep[free[k::shares]] = False
                yield _weighted(x[keep], y[keep], model)
            return


def _weighted(x: Array, y: Array, model: Barycentric) -> Barycentric:
    scale = np.ptp(y.real, axis=0) + (np.ptp(y.imag, axis=0) if np.iscomplexobj(y) else 0.0)
    loewner = Loewner(x, y / np.where(scale > 0, scale, 1.0), model.order)
    for i in np.searchsorted(x, model.support).tolist():
        loewner.add(i)
    return Barycentric(model.support, model.values, loewner.weights())


def _joined(found: list[Resonances], components: int) -> Resonances:
    nothing = np.empty(0, dtype=complex)
    at = np.concatenate([nothing, *(each.at for each in found)])
    order = np.argsort(at.real, kind="stable")
    table = np.empty((0, components))
    return Resonances(
        at[order],
        np.concatenate([np.empty(0), *(each.uncertainty for each in found)])[order],
        np.concatenate([table.astype(complex), *(each.residues for each in found)])[order],
        np.concatenate([table, *(each.residue_uncertainty for each in found)])[order],
    )
