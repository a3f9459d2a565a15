"""A result of which one part is learned: its transport from the worker, and the storage of the rest."""

from __future__ import annotations

import inspect
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import cloudpickle

from adaptive_dask.learner.any_learner import nested
from adaptive_dask.learner.batch_call import Split, call_batch
from adaptive_dask.learner.named_results import NamedPicker, Parts, evaluation_parts, named_batch, named_parts

Function = Callable[..., Any]


class Packed:
    """A pickled object, which is unpickled when it is first read."""

    __slots__ = ("pickled",)

    def __init__(self, pickled: bytes) -> None:
        self.pickled = pickled

    @classmethod
    def pack(cls, obj: Any) -> Packed | Reference:
        return obj if isinstance(obj, Packed | Reference) else cls(cloudpickle.dumps(obj))


class Reference:
    """Base of references to results on the workers; every process can load them."""


_keeper: ContextVar[Function | None] = ContextVar("keeper", default=None)


@contextmanager
def keeping(keep: Function) -> Iterator[None]:
    """Let every `KeepOnWorker` that is unpickled in a block store results with this function."""
    token = _keeper.set(keep)
    try:
        yield
    finally:
        _keeper.reset(token)


class KeepOnWorker:
    """Takes a result and returns a reference to it, or the result itself outside a worker.

    Parameters
    ----------
    keep : callable, optional
        Stores a result on this worker.
    """

    def __init__(self, keep: Function | None = None) -> None:
        self._keep = keep

    def __call__(self, result: Any) -> Any:
        return result if self._keep is None else self._keep(result)

    def __reduce__(self) -> tuple[Function, tuple[()]]:
        return _keep_here, ()


def _keep_here() -> KeepOnWorker:
    return KeepOnWorker(_keeper.get())


class Picked:
    """The result of a function, and the part of it that is learned.

    Only the learned part is unpickled on arrival: the scheduler of a cluster does not need the classes in the rest.

    Parameters
    ----------
    y : object
        The value that is told to the learner.
    extra : object
        The complete result of the function, or a reference to it.
    """

    __slots__ = ("_extra", "y")

    def __init__(self, y: Any, extra: Any) -> None:
        self.y = y
        self._extra = extra

    @property
    def extra(self) -> Any:
        """The complete result of the function, or a reference to it."""
        if isinstance(self._extra, Packed):
            self._extra = cloudpickle.loads(self._extra.pickled)
        return self._extra

    def __reduce__(self) -> tuple[type[Picked], tuple[Any, Packed | Reference]]:
        return Picked, (self.y, Packed.pack(self._extra))

    def __repr__(self) -> str:
        return f"Picked(y={self.y!r}, extra={self.extra!r})"


class PickingFunction:
    """Evaluates a function and picks the value to learn from its result, in the process of the evaluation.

    Parameters
    ----------
    function : callable
    arg_picker : callable
        Takes the result of the function and returns the value to learn.
    keep : callable, optional
        Takes the result of the function, stores it, and returns a reference to it.
    is_timed : bool, default: False
        Add the duration and process of the evaluation to each result; requires a `NamedPicker`.
    keeps_output : bool, default: False
        Add the end of its output as well.
    """

    keeps_output = False

    def __init__(
        self,
        function: Function,
        arg_picker: Function,
        keep: Function | None = None,
        is_timed: bool = False,
        keeps_output: bool = False,
    ) -> None:
        self.function = function
        self.arg_picker = arg_picker
        self.keep = keep
        self.is_timed = is_timed
        self.keeps_output = keeps_output

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the function, for example ``keywords`` of a `functools.partial`."""
        if name.startswith("_") or name == "function":  # special names, and during unpickling
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self.function, name)

    def __call__(self, x: Any) -> Any:
        begun = time.perf_counter()
        result = self.function(x)
        return self._pick_later(result, begun) if inspect.iscoroutine(result) else self._pick(result, begun)

    async def _pick_later(self, result: Awaitable[Any], begun: float) -> Picked:
        return self._pick(await result, begun)

    def call_batch(self, points: Sequence[Any], split: Split | None = None) -> list[Picked]:
        """Evaluate several points with a vectorized function.

        It returns a result for each point or, with a `NamedPicker`, named arrays with an entry for each point.
        """
        begun = time.perf_counter()
        results = call_batch(self.function, points, named_batch if isinstance(self.arg_picker, NamedPicker) else split)
        added = self._evaluation(begun, len(results))
        return [self.pick(result, added) for result in results]

    def pick(self, result: Any, added: Parts | None = None) -> Picked:
        """Return the learned part of a result, with the rest.

        Parameters
        ----------
        result : object
        added : dict, optional
            Parts to add to a result with names.
        """
        try:
            y = self.arg_picker(result)
        except Exception as error:
            if result is None and not isinstance(self.arg_picker, NamedPicker):
                error.add_note("arg_picker was given None, which a function without `return` returns.")
            raise
        if isinstance(self.arg_picker, NamedPicker):
            result = named_parts(result) | (added or {})
        return Picked(y, result if self.keep is None else self.keep(result))

    def _pick(self, result: Any, begun: float) -> Picked:
        return self.pick(result, self._evaluation(begun, 1))

    def _evaluation(self, begun: float, n: int) -> Parts | None:
        if not self.is_timed:
            return None
        return evaluation_parts((time.perf_counter() - begun) / max(n, 1), with_output=self.keeps_output)


class ExtraData(MutableMapping[Any, Any]):
    """``{x: result}``, in the order in which they were told; pickled results are loaded when they are read."""

    def __init__(self, data: Mapping[Any, Any] | None = None) -> None:
        self._data: dict[Any, Any] = {}
        self.add_missing(data or {})

    def references(self) -> Iterator[Reference]:
        """Iterate over the results that are references."""
        return (value for value in self._data.values() if isinstance(value, Reference))

    def add_missing(self, other: Mapping[Any, Any]) -> None:
        """Add results of unknown points, without loading them."""
        self._data = {**(other._data if isinstance(other, ExtraData) else other), **self._data}

    def add(self, x: Any, picked: Picked) -> None:
        """Add a result, unless the point has one, without loading it."""
        self._data.setdefault(x, picked._extra)

    def __getitem__(self, x: Any) -> Any:
        value = self._data[x]
        if isinstance(value, Packed):
            value = self._data[x] = cloudpickle.loads(value.pickled)
        return value

    def __setitem__(self, x: Any, value: Any) -> None:
        self._data[x] = value

    def __delitem__(self, x: Any) -> None:
        del self._data[x]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._data)

    def __len__(self) -> int:
        return len(self._data)

    def __repr__(self) -> str:
        return repr(dict(self))

    def __getstate__(self) -> dict[str, Any]:
        return {"_data": {x: Packed.pack(value) for x, value in self._data.items()}}


def references_in(learner: Any) -> Iterator[Reference]:
    """Iterate over the references in the `ExtraData` of a learner and of its wrapped learners."""
    for each in nested(learner):
        extra = getattr(each, "__dict__", {}).get("extra_data")
        if isinstance(extra, ExtraData):
            yield from extra.references()
