"""Results with named parts: mappings, named tuples and dataclasses. Learners learn one or several of the parts."""

from __future__ import annotations

import dataclasses
import os
import socket
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from adaptive_dask import output
from adaptive_dask.errors import BatchShapeError
from adaptive_dask.learner.checked import as_amplitude

Parts = dict[str, Any]

# Names of the parts that `DataSaver(evaluation=True)` adds.
SECONDS, WHERE, OUTPUT = "evaluation.seconds", "evaluation.where", "evaluation.output"

_MAX_NAMES = 20


class NamedPicker:
    """Picks parts of a result by name.

    Parameters
    ----------
    learn : str or sequence of str
        With one name, the learned value is that part, a number or an array. With several names, it is a vector of these
        parts, which must be numbers.

    Raises
    ------
    TypeError, ValueError
        If they are not names, or one of them occurs twice.
    """

    def __init__(self, learn: str | Sequence[str]) -> None:
        is_one = isinstance(learn, str)
        names = (learn,) if isinstance(learn, str) else _as_names(learn)
        if not names or not all(isinstance(name, str) and name for name in names):
            raise TypeError(
                f'learn must be a name or several names of parts of the result, such as "y", got {learn!r}.'
            )
        if len(set(names)) < len(names):
            raise ValueError(f"learn must have each name once, got {learn!r}.")
        self.names: tuple[str, ...] = names
        self.is_vector = not is_one

    @property
    def learn(self) -> str | tuple[str, ...]:
        """The name, or a tuple of names."""
        return self.names if self.is_vector else self.names[0]

    def __call__(self, result: Any) -> Any:
        """Return the value to learn from a result.

        Raises
        ------
        TypeError, ValueError
            If the result has no named parts, or a part to learn is missing or None, or one of several parts is not a
            number. The error lists the names of the result.
        """
        parts = named_parts(result, self.names)
        for name in self.names:
            if name not in parts:
                raise ValueError(
                    f"The result must have a part {name!r}, got {_listed(parts)}. Change learn= or what the function "
                    "returns."
                )
            if parts[name] is None:
                raise TypeError(f"The part {name!r} of the result must have a value, got None; {_listed(parts)}.")
        if not self.is_vector:
            return parts[self.names[0]]
        return np.array([_number(name, parts) for name in self.names])

    def __repr__(self) -> str:
        return f"NamedPicker({self.learn!r})"


def named_parts(result: Any, wanted: Iterable[str] = ()) -> Parts:
    """Return the named parts of a result as a new dict.

    Parameters
    ----------
    result : mapping, named tuple or dataclass
    wanted : iterable of str
        Required names, for the message.

    Raises
    ------
    TypeError
        If the result is something else, or a key of the mapping is not a string.
    """
    if isinstance(result, Mapping):
        parts = dict(result)
    elif isinstance(result, tuple) and hasattr(result, "_fields"):
        parts = dict(zip(result._fields, result, strict=True))
    elif dataclasses.is_dataclass(result) and not isinstance(result, type):
        parts = {field.name: getattr(result, field.name) for field in dataclasses.fields(result)}
    else:
        names = ", ".join(map(repr, wanted)) or "names"
        got = "None, which a function without `return` returns" if result is None else _kind(result)
        raise TypeError(
            f"With learn=, the function must return a mapping, a named tuple or a dataclass with {names}, got {got}."
        )
    odd = next((name for name in parts if not isinstance(name, str)), None)
    if odd is not None or None in parts:
        raise TypeError(f"The names of the parts of a result must be strings, got {odd!r} among {_listed(parts)}.")
    return parts


def named_batch(result: Any, n: int) -> list[Parts] | None:
    """Split named arrays, whose first axis runs over the points, into n results; return None if there are no names.

    Raises
    ------
    BatchShapeError
        If a part does not have a value for each point.
    """
    if isinstance(result, list) or (isinstance(result, tuple) and not hasattr(result, "_fields")):
        return None
    try:
        parts = named_parts(result)
    except TypeError:
        return None
    for name, part in parts.items():
        length = part.shape[0] if getattr(part, "ndim", 0) else len(part) if isinstance(part, list | tuple) else None
        if length != n:
            raise BatchShapeError(
                f"With vectorized=True the function gets an array of {n} points, and each part of what it returns must "
                f"have {n} values along its first axis, got the part {name!r}: {_kind(part)}."
            )
    if not parts:
        return [{} for _ in range(n)]
    rows = [
        part.tolist() if getattr(part, "ndim", 0) == 1 and hasattr(part, "tolist") else part for part in parts.values()
    ]
    return [dict(zip(parts, row, strict=True)) for row in zip(*rows, strict=True)]


def evaluation_parts(seconds: float, *, with_output: bool = False) -> Parts:
    """Return the duration of an evaluation, its process, and the end of its output."""
    parts = {SECONDS: seconds, WHERE: f"process {os.getpid()} on {socket.gethostname()}"}
    return parts | {OUTPUT: output.written()} if with_output else parts


def _as_names(learn: Any) -> tuple[Any, ...]:
    return tuple(learn) if isinstance(learn, Sequence) and not isinstance(learn, bytes | bytearray) else ()


def _number(name: str, parts: Parts) -> Any:
    value = as_amplitude(parts[name], f"The part {name!r} of the result ({_listed(parts)})")
    if np.size(value) != 1:
        raise TypeError(
            f"With several names in learn=, each part must be a number, got {name!r} of shape {np.shape(value)}; "
            f"{_listed(parts)}. Learn an array alone: learn={name!r}."
        )
    return np.asarray(value).item()


def _listed(parts: Mapping[Any, Any]) -> str:
    names = list(parts)
    if not names:
        return "a result without parts"
    more = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
    return f"a result with {', '.join(map(repr, names[:_MAX_NAMES]))}{more}"


def _kind(value: Any) -> str:
    shape = getattr(value, "shape", None)
    kind = type(value).__name__
    return f"{kind} of shape {shape}" if isinstance(shape, tuple) and shape else f"{kind} {str(value)[:60]!r}"
