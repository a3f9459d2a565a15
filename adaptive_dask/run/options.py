"""The arguments of a run: their names, types and defaults."""

from __future__ import annotations

import difflib
import inspect
import math
import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from numbers import Real
from typing import Any, Self, TypeVar

from adaptive_dask.learner.checked import refuse_learn
from adaptive_dask.plain import safe_repr
from adaptive_dask.run.failures import OnError
from adaptive_dask.run.goals import GoalArguments, GoalFunction

F = TypeVar("F", bound=Callable[..., Any])


class RunArguments(GoalArguments, total=False):
    """The keyword arguments of all runners, for type checkers; see `RunOptions`."""

    ntasks: int | None
    log: bool
    retries: int
    raise_if_retries_exceeded: bool
    allow_running_forever: bool
    weight: float
    name: str | None
    drain: bool | float | timedelta
    allowed_failures: int
    on_error: OnError | None
    point_timeout: float | timedelta | None
    isolate: str | None
    memory_limit: int | str | None
    vectorized: bool
    ordered: bool
    checkpoint: str | os.PathLike[str] | None
    resources: Mapping[str, float] | None
    priority: float
    workers: str | int | Collection[str | int] | None
    allow_other_workers: bool
    annotations: Mapping[str, Any] | None


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """The arguments of a run, with their defaults; see `AsyncRunner`."""

    goal: GoalFunction | None = None
    loss_goal: float | None = None
    npoints_goal: int | None = None
    end_time_goal: datetime | None = None
    duration_goal: timedelta | float | None = None
    ntasks: int | None = None
    log: bool = False
    retries: int = 0
    raise_if_retries_exceeded: bool = True
    allow_running_forever: bool = True
    weight: float = 1.0
    name: str | None = None
    drain: bool | float | timedelta = True
    allowed_failures: int = 3
    on_error: OnError | None = None
    point_timeout: float | timedelta | None = None
    isolate: str | None = None
    memory_limit: int | str | None = None
    vectorized: bool = False
    ordered: bool = False
    checkpoint: str | os.PathLike[str] | None = None
    resources: Mapping[str, float] | None = None
    priority: float = 0
    workers: str | int | Collection[str | int] | None = None
    allow_other_workers: bool = False
    annotations: Mapping[str, Any] | None = None

    def __new__(cls, **arguments: Any) -> Self:
        refuse_learn("a run", arguments)
        if unknown := arguments.keys() - cls.__dataclass_fields__.keys():
            similar = difflib.get_close_matches(min(unknown), cls.__dataclass_fields__, 1)
            hint = f" Did you mean {similar[0]}?" if similar else ""
            raise TypeError(f"A run got an unexpected keyword argument {min(unknown)!r}.{hint}")
        return super().__new__(cls)


RUN_NAMES = [each.name for each in fields(RunOptions)]


def check_resources(resources: Any) -> dict[str, float]:
    """Check the argument ``resources``: amounts by name.

    Raises
    ------
    ValueError
        If `resources` is not a mapping of names to amounts.
    """
    if not isinstance(resources, Mapping) or not all(
        isinstance(name, str) and _is_amount(amount) for name, amount in resources.items()
    ):
        raise ValueError(f'resources must be amounts by name, such as {{"GPU": 1}}, got {safe_repr(resources)}.')
    return {name: float(amount) for name, amount in resources.items()}


def _is_amount(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and 0 < float(value) < math.inf


def with_arguments(names: Collection[str] = RUN_NAMES) -> Callable[[F], F]:
    """Make `inspect.signature` list arguments of a run, all by default, instead of ``**arguments``.

    Parameters
    ----------
    names : collection of str
        Fields of `RunOptions`.
    """

    def replace(function: F) -> F:
        own = inspect.signature(function)
        named = [each for each in own.parameters.values() if each.kind is not inspect.Parameter.VAR_KEYWORD]
        known = {each.name for each in named}
        named += [
            inspect.Parameter(each.name, inspect.Parameter.KEYWORD_ONLY, default=each.default, annotation=each.type)
            for each in fields(RunOptions)
            if each.name in names and each.name not in known
        ]
        return _with_signature(function, own.replace(parameters=named))

    return replace


def with_arguments_of(other: Callable[..., Any], **defaults: Any) -> Callable[[F], F]:
    """Make `inspect.signature` list the arguments of another function, with other `defaults`."""
    theirs = inspect.signature(other)
    named = [each.replace(default=defaults.get(each.name, each.default)) for each in theirs.parameters.values()]
    return lambda function: _with_signature(function, theirs.replace(parameters=named))


def _with_signature(function: F, signature: inspect.Signature) -> F:
    vars(function)["__signature__"] = signature
    return function


@dataclass(frozen=True)
class SessionOptions:
    """The options of a `Session` that can be sent to another process; see `Session`."""

    retries: int = 0
    allowed_failures: int = 3
    ordered: int | None = None
    log: bool = False
