"""Plots of a BalancingLearner: those of its children, with a slider for each parameter of `cdims`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from adaptive_dask.learner.balancing_learner import BalancingLearner, Cdims, checked_cdims
from adaptive_dask.plotting.backend import escaped, load_holoviews, with_options


def draw(
    learner: BalancingLearner,
    cdims: Cdims | None = None,
    plotter: Callable[[Any], Any] | None = None,
    dynamic: bool = True,
) -> Any:
    """Draw the children, one at a time.

    Parameters
    ----------
    learner : BalancingLearner
    cdims : sequence of dict, or (names, iterable of values), optional
        The parameters of the children, as for `BalancingLearner`. By default, those of the learner, or the index ``i``.
    plotter : callable, optional
        Called with a child; returns a HoloViews object. By default, ``child.plot()``.
    dynamic : bool, default: True
        Draw a child when it is selected, which needs a running Python process. With False, draw all children now, for
        example to write them to a file.

    Returns
    -------
    holoviews.DynamicMap or holoviews.HoloMap

    Raises
    ------
    TypeError, ValueError
        If ``cdims`` do not match the children, do not distinguish them, or have values that are not hashable.
    """
    holoviews = load_holoviews()
    children = learner.learners
    rows = [{"i": i} for i in range(len(children))]
    given = cdims if cdims is not None else learner.cdims
    if given is not None:
        rows = checked_cdims(given, len(children))
    names = list(rows[0])
    child_at = _by_key(rows, children)
    paint = plotter or (lambda child: child.plot())
    if not dynamic:
        return holoviews.HoloMap({key: paint(child) for key, child in child_at.items()}, kdims=names)

    def at(*key: Any) -> Any:
        if key in child_at:
            return paint(child_at[key])
        where = ", ".join(f"{name} = {value}" for name, value in zip(names, key, strict=True))
        return with_options(paint(children[0].new()), title=escaped(f"There is no learner with {where}"))

    pictures = holoviews.DynamicMap(at, kdims=names, cache_size=1)
    values = {name: list(dict.fromkeys(row[name] for row in rows)) for name in names}
    return with_options(pictures.redim.values(**values), framewise=True)


def _by_key(rows: list[dict[str, Any]], children: list[Any]) -> dict[tuple[Any, ...], Any]:
    try:
        child_at = {tuple(row.values()): child for row, child in zip(rows, children, strict=True)}
    except TypeError as error:
        raise TypeError(f"values of cdims must be hashable, such as numbers and strings: {error}.") from None
    if len(child_at) < len(children) or not rows[0]:
        raise ValueError("cdims must distinguish the learners, got the same names and values for two of them.")
    return child_at
