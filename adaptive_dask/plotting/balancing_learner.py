"""Pictures of a BalancingLearner: those of its children, with a slider for each thing that distinguishes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from adaptive_dask.learner.balancing_learner import Cdims, checked_cdims
from adaptive_dask.plotting.backend import escaped, load_holoviews, with_options

if TYPE_CHECKING:
    from adaptive_dask.learner.balancing_learner import BalancingLearner


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
        What distinguishes the children, as for `BalancingLearner`. Those of the learner if not given; if it
        has none either, the index ``i``.
    plotter : callable, optional
        Takes a child and returns a HoloViews object; ``child.plot()`` if not given.
    dynamic : bool, default: True
        Draw a child when it is looked at, which needs a running Python; with False draw all now, for
        example to write them to a file.

    Returns
    -------
    holoviews.DynamicMap or holoviews.HoloMap

    Raises
    ------
    TypeError, ValueError
        If ``cdims`` do not fit the children, do not tell them apart, or have values that cannot be compared.
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
        raise TypeError(f"The values of cdims must be hashable, such as numbers and strings: {error}.") from None
    if len(child_at) < len(children) or not rows[0]:
        raise ValueError("cdims must tell the learners apart: two of them have the same names and values.")
    return child_at
