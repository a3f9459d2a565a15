"""Names and units of the coordinates of a function's points, as used in plots and data frames.

Names and units are read from the signature. The type of a tuple can name its elements::

    class Point(NamedTuple):
        energy: Annotated[float, "meV"]
        field: Annotated[float, "T"]

    def f(point: Point): ...
    def f(point: Annotated[tuple[float, float], "energy", "field"]): ...
"""

from __future__ import annotations

import functools
import inspect
import itertools
import typing
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

Function = Callable[..., Any]

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class Coordinates(NamedTuple):
    """Names of a point's coordinates, or None if the function has none, with the units of coordinates and value.

    Axes of plots use ``labels`` instead of ``names``, if given.
    """

    names: list[str] | None
    units: list[str | None]
    value_unit: str | None
    labels: list[str] | None = None


def coordinates_of(function: Any, n: int) -> Coordinates:
    """Return names and units from a function's signature.

    Parameters
    ----------
    function : callable
        If its points have one coordinate, its name is that of the first argument. If they have several, the type of the
        argument names them: a `typing.NamedTuple`, or ``Annotated[tuple[float, float], "energy", "field"]``. Otherwise,
        an argument such as ``xy`` or ``uvw`` does, if its letters are in alphabetical order. A single string in
        ``Annotated[float, "meV"]`` is the unit; this includes fields of the tuple.
    n : int
        The number of coordinates of a point.
    """
    said = getattr(bare(function), "coordinates", None)
    if isinstance(said, Coordinates) and len(said.units) == n:  # a function over a `Space`
        return said
    argument, hint, value_hint = _first_argument(function)
    value_unit = next(iter(_strings(value_hint)), None)
    strings = _strings(hint)
    inner = hint.__origin__ if hasattr(hint, "__metadata__") else hint
    names: list[str] | None = None
    units: list[str | None] = [strings[0] if strings else None] * n
    fields = getattr(inner, "_fields", ())
    parts: Sequence[Any] = typing.get_args(inner) if typing.get_origin(inner) is tuple else ()
    if n > 1 and len(fields) == n:
        types = _hints(inner)
        names, parts = list(fields), [types.get(field) for field in fields]
    elif n > 1 and len(strings) == n:
        names, units = list(strings), [None] * n
    elif n == 1 and argument:
        names = [argument]
    elif n > 1 and len(argument) == n and _is_alphabetical(argument):
        names = list(argument)
    if n > 1 and len(parts) == n:
        units = [next(iter(_strings(part)), unit) for part, unit in zip(parts, units, strict=True)]
    if names is not None and (len(set(names)) < n or not all(names)):
        names = None
    return Coordinates(names, units, value_unit)


def units_of_parts(function: Any) -> dict[str, str]:
    """Return the units of ``Annotated`` parts of results: fields of a named tuple, dataclass or `TypedDict`."""
    plain = bare(function)
    if isinstance(getattr(plain, "coordinates", None), Coordinates):  # a function over a `Space`
        function = plain.function
    _, _, hint = _first_argument(function)
    inner = hint.__origin__ if hasattr(hint, "__metadata__") else hint
    fields = _hints(inner) if isinstance(inner, type) else {}
    return {name: strings[0] for name, field in fields.items() if (strings := _strings(field))}


def distinct_names(names: Sequence[str], found: Sequence[str] | None, others: Sequence[str]) -> list[str]:
    """Return the names that were found, or the default names if another column has one of them."""
    return list(names) if found is None or set(found) & set(others) else list(found)


def bare(function: Any) -> Any:
    """Return a function without the arguments bound by `functools.partial`."""
    while isinstance(function, functools.partial):
        function = function.func
    return function


def texts_of(function: Any) -> dict[str, list[str]]:
    """Return the strings in the ``Annotated`` types of a function's arguments, and of its result as "return"."""
    plain = bare(function)
    hints = _hints(plain if hasattr(plain, "__name__") else type(plain).__call__)
    return {name: _strings(hint) for name, hint in hints.items()}


def _first_argument(function: Any) -> tuple[str, Any, Any]:
    """Return the name and the type of the first argument, and the type of the result."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # functions written in C may have no signature
        return "", None, None
    name = parameters[0].name if parameters and parameters[0].kind in _POSITIONAL else ""
    plain = bare(function)
    hints = _hints(plain if hasattr(plain, "__name__") else type(plain).__call__)
    return name, hints.get(name), hints.get("return")


def _hints(annotated: Any) -> dict[str, Any]:
    try:
        return typing.get_type_hints(annotated, include_extras=True)
    except Exception:  # invalid annotations must not prevent a plot
        return {}


def _strings(hint: Any) -> list[str]:
    return [each for each in getattr(hint, "__metadata__", ()) if isinstance(each, str)]


def _is_alphabetical(letters: str) -> bool:
    return all(ord(b) - ord(a) == 1 for a, b in itertools.pairwise(letters))
