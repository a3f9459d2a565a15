"""A function's default arguments, as columns of a data frame."""

from __future__ import annotations

import functools
import inspect
import pickle
import warnings
from collections.abc import Callable
from typing import Any

Function = Callable[..., Any]


def default_arguments(function: Function, prefix: str) -> dict[str, Any]:
    """The function's default arguments after the first, which is the point; each name with the prefix."""
    return {
        prefix + name: parameter.default
        for name, parameter in list(_parameters(function).items())[1:]
        if parameter.default is not inspect.Parameter.empty
    }


def with_defaults_of_frame(function: Function, df: Any, prefix: str) -> Function:
    """The function with the default arguments that a data frame has.

    Parameters
    ----------
    function : callable
    df : pandas.DataFrame
        Columns whose name begins with the prefix have a default argument, the same in every row.
    prefix : str

    Returns
    -------
    callable
        The function itself if there are no such columns.

    Raises
    ------
    ValueError
        If the prefix is empty, a column has different values, or the function has no such argument.
    """
    if not prefix:
        raise ValueError("function_prefix must not be empty: it says which columns are arguments of the function.")
    arguments = {}
    for column in df.columns:
        if isinstance(column, str) and column.startswith(prefix) and len(df):
            arguments[column.removeprefix(prefix)] = _only_value(column, df[column].tolist())
    parameters = _parameters(function)
    for name, value in arguments.items():
        if name not in parameters:
            raise ValueError(
                f"The data frame has an argument {name}={value!r}, but the function has no argument of that name. "
                "Give with_default_function_args=False to leave it out."
            )
        default = parameters[name].default
        if default is not inspect.Parameter.empty and not _equal(default, value):
            warnings.warn(
                f"The data frame has the argument {name}={value!r} and the function has {name}={default!r}; "
                "that of the data frame is used from now on.",
                stacklevel=4,
            )
    changed = {name: value for name, value in arguments.items() if not _equal(parameters[name].default, value)}
    return functools.partial(function, **changed) if changed else function


def _parameters(function: Function) -> dict[str, inspect.Parameter]:
    try:
        return dict(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # functions written in C do not always say
        return {}


def _only_value(column: str, values: list[Any]) -> Any:
    for value in values:
        if not _equal(value, values[0]):
            raise ValueError(
                f"The column {column!r} must have one value for the whole function, not {values[0]!r} and {value!r}."
            )
    return values[0]


def _equal(a: Any, b: Any) -> bool:
    """Whether two cells have the same argument, also if one or both went through a text file."""
    if a is b or (_is_missing(a) and _is_missing(b)):
        return True
    if isinstance(a, str) != isinstance(b, str):
        return str(a) == str(b)
    try:
        return bool(a == b)
    except (TypeError, ValueError):  # arrays, or pandas.NA
        return type(a) is type(b) and pickle.dumps(a) == pickle.dumps(b)


def _is_missing(value: Any) -> bool:
    """Whether an empty cell of a text file may stand for this: None, NaN and pandas.NA and NaT."""
    if value is None:
        return True
    try:
        return bool(value != value)
    except (TypeError, ValueError):
        return type(value).__name__ == "NAType"
