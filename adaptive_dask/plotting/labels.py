"""Labels of axes and titles: names of arguments, units, and numbers of points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from adaptive_dask.learner.argument_names import Function, bare, coordinates_of
from adaptive_dask.plotting.backend import load_holoviews


def dimensions(
    function: Function, names: Sequence[str], value_name: str, *, is_pair: bool = False
) -> tuple[list[Any], Any]:
    """Return the axes of the graph of a function.

    They have fixed names, so that pictures can be combined and changed by name. Their labels come from the function.

    Parameters
    ----------
    function : callable
        The function, which determines the labels; see `coordinates_of`.
    names : sequence of str
        One for each coordinate of a point.
    value_name : str
    is_pair : bool, default: False
        True if the argument is a pair (seed, x), so that its name is not that of the coordinate.

    Returns
    -------
    points : list of holoviews.Dimension
    value : holoviews.Dimension
    """
    found, units, value_unit, said = coordinates_of(function, len(names) + is_pair)
    labels = list(names) if found is None else (said or found)[is_pair:]
    called = getattr(bare(function), "__name__", "")
    value_label = f"{called}({', '.join(labels)})" if called.isidentifier() and len(labels) <= 3 else value_name
    taken = {*names, value_name}
    points = [
        _dimension(name, label, unit, taken) for name, label, unit in zip(names, labels, units[is_pair:], strict=True)
    ]
    return points, _dimension(value_name, value_label, value_unit, taken)


def coordinate_names(ndim: int) -> tuple[list[str], str]:
    """Return the names of the coordinates of a point, and of the value."""
    if ndim == 1:
        return ["x"], "y"
    if ndim == 2:
        return ["x", "y"], "z"
    return (["x", "y", "z"] if ndim == 3 else [f"x{i}" for i in range(ndim)]), "value"


def component_label(value: Any, i: int, n: int) -> str:
    """Return the label of one of n components of a value."""
    return f"{value.name}[{i}]" if n > 1 else ""


def counted(n: int, what: str = "point") -> str:
    """Return a text such as "1 point" or "2,001 points"."""
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def title_of(npoints: int, drawn: int, *remarks: str) -> str:
    """Return a title with the number of points, the number of drawn points, and remarks."""
    known = counted(npoints)
    if drawn < npoints:
        known += f", of which {drawn:,} are drawn"
    return "; ".join([known, *filter(None, remarks)])


def _dimension(name: str, label: str, unit: str | None, taken: set[str]) -> Any:
    # HoloViews finds dimensions by label as well, so a label must not be the name of another dimension.
    return load_holoviews().Dimension((name, f"{label} " if label != name and label in taken else label), unit=unit)
