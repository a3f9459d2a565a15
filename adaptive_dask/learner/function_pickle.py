"""Pickles of a learner and its function: by value, and separately.

A learner is pickled together with its function, even if that is a lambda or a closure. On a cluster they are separated:
the learner is sent to the scheduler, where the function is never unpickled, and the function is sent to the workers.
`dumps_apart` and `loads_together` do this for any learner whose state wraps its function in `ByValue`, including nested
learners.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Sequence
from typing import Any

import cloudpickle

from adaptive_dask.learner.by_value import ValuePickler, dumps_by_value
from adaptive_dask.learner.subclasses import added_attributes

Function = Callable[..., Any]


class ByValue:
    """Wraps a function in a learner's pickled state, so that it is pickled by value."""

    def __init__(self, function: Function | None) -> None:
        self.function = function

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[bytes]]:
        return cloudpickle.loads, (dumps_by_value(self.function),)


class KeptByValue(ByValue):
    """Wraps a function that a learner needs in every process, such as its loss: `dumps_apart` does not remove it."""


class FunctionElsewhere:
    """Replaces a function that exists only on the workers; calling it is an error.

    Parameters
    ----------
    index : int
        The index of the function among those that were removed from the learner.
    """

    def __init__(self, index: int) -> None:
        self.index = index

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(
            "This learner is a copy without its function: the function is on the workers of the cluster. "
            "Set learner.function to evaluate it here."
        )

    def __repr__(self) -> str:
        return "<function on the workers>"


class _ApartPickler(ValuePickler):
    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
        self.functions: list[bytes] = []

    def persistent_id(self, obj: Any) -> int | None:
        if type(obj) is not ByValue:
            return None
        if isinstance(obj.function, FunctionElsewhere):
            return obj.function.index
        self.functions.append(dumps_by_value(obj.function))
        return len(self.functions) - 1


class _TogetherUnpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, functions: Sequence[bytes] | None) -> None:
        super().__init__(file)
        self._functions = functions

    def persistent_load(self, pid: Any) -> Function:
        if self._functions is None:
            return FunctionElsewhere(pid)
        function: Function = cloudpickle.loads(self._functions[pid])
        return function


def dumps_apart(learner: Any) -> tuple[bytes, list[bytes]]:
    """Pickle a learner without its functions, and each function separately.

    Parameters
    ----------
    learner : BaseLearner
        If it was loaded without its functions, the list of functions is empty, and the list from the first call remains
        valid.

    Returns
    -------
    learner : bytes
    functions : list of bytes
        Each function, cloudpickled.
    """
    file = io.BytesIO()
    pickler = _ApartPickler(file)
    try:
        pickler.dump(learner)
    except Exception as error:
        for name, value in added_attributes(learner).items():
            if not _can_be_pickled(value):
                kind = type(learner).__name__
                raise TypeError(
                    f"The attribute {name!r} of a {kind} must be picklable, got {type(value).__name__}: {error}. "
                    f"Define __getstate__ and __setstate__ in {kind} that call those of its base and omit it."
                ) from error
        raise
    return file.getvalue(), pickler.functions


def _can_be_pickled(value: Any) -> bool:
    try:
        dumps_by_value(value)
    except Exception:
        return False
    return True


def loads_together(data: bytes, functions: Sequence[bytes] | None) -> Any:
    """Undo `dumps_apart`.

    Parameters
    ----------
    data : bytes
        The pickled learner.
    functions : sequence of bytes, or None
        The functions that were removed from it. None inserts a `FunctionElsewhere` for each.
    """
    return _TogetherUnpickler(io.BytesIO(data), functions).load()
