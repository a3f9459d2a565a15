"""Default arguments of a function as columns of a data frame."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable
from typing import Any

from adaptive_dask.storage.text_cells import are_same

Function = Callable[..., Any]


def default_arguments(function: Function, prefix: str) -> dict[str, Any]:
    """Return the default arguments of a function after the first, which is the point, with prefixed names."""
    return {
        prefix + name: parameter.default
        for name, parameter in list(_parameters(function).items())[1:]
        if parameter.default is not inspect.Parameter.empty
    }


def with_defaults_of_frame(function: Function, df: Any, prefix: str) -> Function:
    """Return the function with the default arguments of a data frame.

    Parameters
    ----------
    function : callable
    df : pandas.DataFrame
        Columns whose names begin with the prefix contain default arguments, with the same value in every row.
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
        raise ValueError(
            "function_prefix must not be empty, because it identifies the columns with arguments of the function."
        )
    arguments = {}
    for column in df.columns:
        if isinstance(column, str) and column.startswith(prefix) and len(df):
            arguments[column.removeprefix(prefix)] = _only_value(column, df[column].tolist())
    parameters = _parameters(function)
    for name, value in arguments.items():
        if name not in parameters:
            raise ValueError(
                f"The data frame has an argument {name}={value!r}, but the function has no argument of that name. "
                "Pass with_default_function_args=False to ignore it."
            )
        default = parameters[name].default
        if default is not inspect.Parameter.empty and not are_same(default, value):
            warnings.warn(
                f"The data frame has the argument {name}={value!r} and the function has {name}={default!r}; "
                "the value of the data frame is used from now on.",
                stacklevel=4,
            )
    changed = {name: value for name, value in arguments.items() if not are_same(parameters[name].default, value)}
    return functools.partial(function, **changed) if changed else function


def _parameters(function: Function) -> dict[str, inspect.Parameter]:
    try:
        return dict(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # some functions written in C have no signature
        return {}


def _only_value(column: str, values: list[Any]) -> Any:
    for value in values:
        if not are_same(value, values[0]):
            raise ValueError(
                f"The column {column!r} must have one value for the whole function, got {values[0]!r} and {value!r}."
            )
    return values[0]
