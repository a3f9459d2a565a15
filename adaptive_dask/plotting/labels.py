"""What axes and titles say: names of arguments, units, and how many points there are."""

from __future__ import annotations

import functools
import inspect
import itertools
import typing
from collections.abc import Callable, Sequence
from typing import Any

from adaptive_dask.plotting.backend import load_holoviews

Function = Callable[..., Any]

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def dimensions(
    function: Function, names: Sequence[str], value_name: str, *, is_pair: bool = False
) -> tuple[list[Any], Any]:
    """The axes of a function's graph.

    They go by fixed names, so that pictures can be combined and changed by name; their labels come from the
    function.

    Parameters
    ----------
    function : callable
        The name of its first argument labels the axis if there is one, or if there are several and it consists
        of letters in alphabetical order, such as ``xy`` or ``uvw``. If a type is written as
        ``Annotated[float, "meV"]``, the string is the unit.
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
    argument, unit, value_unit = _first_argument(function)
    labels = list(names)
    if len(names) == 1 and argument and not is_pair:
        labels = [argument]
    elif len(argument) == len(names) and _is_alphabetical(argument):
        labels = list(argument)
    called = getattr(_bare(function), "__name__", "")
    value_label = f"{called}({', '.join(labels)})" if called.isidentifier() and len(labels) <= 3 else value_name
    taken = {*names, value_name}
    points = [_dimension(name, label, unit, taken) for name, label in zip(names, labels, strict=True)]
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


def _first_argument(function: Function) -> tuple[str, str | None, str | None]:
    """The name of the first argument, its unit and that of the result."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # functions written in C do not always say
        return "", None, None
    name = parameters[0].name if parameters and parameters[0].kind in _POSITIONAL else ""
    try:
        hints = typing.get_type_hints(_bare(function), include_extras=True)
    except Exception:  # whatever stands in the annotations, it must not keep a picture from being drawn
        hints = {}
    return name, _unit(hints.get(name)), _unit(hints.get("return"))


def _unit(hint: Any) -> str | None:
    return next((each for each in getattr(hint, "__metadata__", ()) if isinstance(each, str)), None)


def _bare(function: Function) -> Function:
    while isinstance(function, functools.partial):
        function = function.func
    return function


def _is_alphabetical(letters: str) -> bool:
    return all(ord(b) - ord(a) == 1 for a, b in itertools.pairwise(letters))
