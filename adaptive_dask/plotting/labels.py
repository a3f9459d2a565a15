"""What axes and titles say: names of arguments, units, and how many points there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from adaptive_dask.learner.argument_names import Function, bare, coordinates_of
from adaptive_dask.plotting.backend import load_holoviews


def dimensions(
    function: Function, names: Sequence[str], value_name: str, *, is_pair: bool = False
) -> tuple[list[Any], Any]:
    """The axes of a function's graph.

    They go by fixed names, so that pictures can be combined and changed by name; their labels come from the
    function.

    Parameters
    ----------
    function : callable
        Says how they are labelled, see `coordinates_of`.
    names : sequence of str
        One for each coordinate of a point.
    value_name : str
    is_pair : bool, default: False
        The argument is a pair (seed, x), so that its name is not that of the coordinate.

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
    """The names of the coordinates of a point, and of the value there."""
    if ndim == 1:
        return ["x"], "y"
    if ndim == 2:
        return ["x", "y"], "z"
    return (["x", "y", "z"] if ndim == 3 else [f"x{i}" for i in range(ndim)]), "value"


def component_label(value: Any, i: int, n: int) -> str:
    """What to call one of n components of a value."""
    return f"{value.name}[{i}]" if n > 1 else ""


def counted(n: int, what: str = "point") -> str:
    """For example "1 point" or "2,001 points"."""
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def title_of(npoints: int, drawn: int, *remarks: str) -> str:
    """How many points are known, how many of them are drawn, and what else there is to say."""
    known = counted(npoints)
    if drawn < npoints:
        known += f", of which {drawn:,} are drawn"
    return "; ".join([known, *filter(None, remarks)])


def _dimension(name: str, label: str, unit: str | None, taken: set[str]) -> Any:
    # HoloViews looks dimensions up by label as well: a label must not be another one's name.
    return load_holoviews().Dimension((name, label if label == name or label not in taken else name), unit=unit)
