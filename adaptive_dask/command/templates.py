"""Templates of arguments and input files."""

from __future__ import annotations

import importlib.util
import string
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

Template = str | string.Template | Callable[[Any], Any]


class Filled(NamedTuple):
    """The arguments, environment and input files of a program.

    Attributes
    ----------
    arguments : list of str
    environment : dict of str to str
        Variables that are added.
    inputs : dict of str to bytes
        Contents of the input files.
    """

    arguments: list[str]
    environment: dict[str, str]
    inputs: dict[str, bytes]


SYNTAXES = ("format", "string.Template", "jinja2")


def check_syntax(syntax: str) -> str:
    """Return the syntax.

    Raises
    ------
    ValueError
        If the syntax is unknown.
    ModuleNotFoundError
        If the syntax is ``"jinja2"``, and Jinja2 is not installed.
    """
    if syntax not in SYNTAXES:
        raise ValueError(f"syntax must be one of {', '.join(map(repr, SYNTAXES))}, got {syntax!r}.")
    if syntax == "jinja2" and importlib.util.find_spec("jinja2") is None:
        raise ModuleNotFoundError("syntax='jinja2' needs Jinja2: pip install jinja2", name="jinja2")
    return syntax


def make_fields(point: Any, names: tuple[str, ...], constants: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of templates: the point, its coordinates, and the constants.

    Raises
    ------
    ValueError
        If the number of names is not that of the coordinates.
    """
    fields: dict[str, Any] = {**constants, "x": plain_point(point)}
    coordinates = point if isinstance(point, tuple) else (point,)
    if names and len(names) != len(coordinates):
        raise ValueError(f"names must have one name for each coordinate of {point!r}, got {names!r}.")
    if names or isinstance(point, tuple):
        for name, value in zip(names or map("x{}".format, range(len(coordinates))), coordinates, strict=True):
            fields[name] = plain_point(value)
    return fields


def plain_point(value: Any) -> Any:
    """Return a point with Python numbers instead of NumPy numbers, which are formatted without a type."""
    if isinstance(value, tuple):
        return tuple(map(plain_point, value))
    return value.item() if type(value).__module__ == "numpy" and getattr(value, "shape", None) == () else value


def fill(template: str | string.Template, fields: Mapping[str, Any], syntax: str) -> str:
    """Fill a template with fields.

    Raises
    ------
    ValueError
        If a field does not exist, or if the template is malformed.
    """
    try:
        if isinstance(template, string.Template):
            return template.substitute(fields)
        if syntax == "format":
            return template.format_map(fields)
        if syntax == "string.Template":
            return string.Template(template).substitute(fields)
        return _fill_jinja(template, fields)
    except (KeyError, IndexError, AttributeError, ValueError) as error:
        text = template.template if isinstance(template, string.Template) else template
        raise ValueError(
            f"The template {text[:200]!r} cannot be filled: {type(error).__name__}: {error}. Its fields are "
            f"{', '.join(sorted(fields))}. With syntax='format', braces are written as {{{{ and }}}}; with "
            "syntax='string.Template', fields as ${name}."
        ) from error


def _fill_jinja(template: str, fields: Mapping[str, Any]) -> str:
    import jinja2

    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    try:
        return str(environment.from_string(template).render(fields))
    except jinja2.TemplateError as error:
        raise ValueError(str(error)) from error
