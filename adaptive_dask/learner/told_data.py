"""The type of ``learner.data``: a dict that changes only when results are told, and can be assigned as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NoReturn, TypeVar, overload

K = TypeVar("K")
V = TypeVar("V")

_HOW = "tell a result with learner.tell(x, y); to take some out, assign those that remain: learner.data = {…}"


class ToldData(dict[K, V]):
    """The results that a learner was told, as a read-only dict.

    Copies (``copy()``, ``|``, pickles) are plain dicts. The learner writes with `put` and `put_many`, because the rest
    of its state must be updated as well.
    """

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError(f"The data of a learner cannot be changed in place: {_HOW}.")

    __setitem__ = __delitem__ = __ior__ = _refuse
    pop = popitem = clear = update = setdefault = _refuse

    # Methods of dict itself: wrappers would double the time to tell a result to the fastest learners.
    put = dict.__setitem__
    put_many = dict.update

    def __copy__(self) -> dict[K, V]:
        return self.copy()

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (self.copy(),)


class DataView(ToldData[K, V]):
    """`ToldData` with results stored elsewhere. Subclasses define `__getitem__`, `__iter__` and `__len__`.

    The dict itself has one hidden entry, because the JSON module writes an empty dict as ``{}`` without reading its
    items.
    """

    def __init__(self) -> None:
        nobody: Any = None
        self.put(nobody, nobody)

    def __getitem__(self, x: K) -> V:
        raise NotImplementedError

    def __iter__(self) -> Iterator[K]:
        raise NotImplementedError

    def __len__(self) -> int:
        raise NotImplementedError

    __contains__ = Mapping.__contains__
    get = Mapping.get  # type: ignore[assignment]
    keys = Mapping.keys  # type: ignore[assignment]
    values = Mapping.values  # type: ignore[assignment]
    items = Mapping.items  # type: ignore[assignment]

    def __reversed__(self) -> Iterator[K]:
        return reversed(list(self))

    def __eq__(self, other: object) -> bool:
        return dict(self) == other if isinstance(other, Mapping) else NotImplemented

    def __ne__(self, other: object) -> bool:
        same = self.__eq__(other)
        return same if same is NotImplemented else not same

    def __or__(self, other: Any) -> Any:
        return {**self, **other} if isinstance(other, Mapping) else NotImplemented

    def __ror__(self, other: Any) -> Any:
        return {**other, **self} if isinstance(other, Mapping) else NotImplemented

    def copy(self) -> dict[K, V]:
        """Return a dict with the current results."""
        return {x: self[x] for x in self}

    def __repr__(self) -> str:
        return repr(dict(self))


class Data:
    """The attribute ``data`` of a learner, which returns the results; results are told to the learner when assigned.

    An assignment replaces all results that were told before. Pending points stay pending, unless they have a result. If
    the learner refuses the new data, it is not changed. The learner needs ``_data``, ``_start_over()``, which forgets
    all results and pending points, and ``_assign(data)``, which tells results.
    """

    @overload
    def __get__(self, learner: None, kind: type) -> Data: ...
    @overload
    def __get__(self, learner: Any, kind: type) -> Any: ...
    def __get__(self, learner: Any, kind: type) -> Any:
        if learner is None:
            return self
        try:
            return learner._data
        except AttributeError:
            raise AttributeError("This learner has no data yet: call super().__init__ first.") from None

    def __set__(self, learner: Any, data: Any) -> None:
        data = checked_data(data)
        state = vars(learner)
        if "_data" not in state:
            if data:
                raise AttributeError("A learner can be given data once it is made: call super().__init__ first.")
            return
        before = dict(state)
        pending = learner._pending_to_tell()
        try:
            learner._start_over()
            learner._assign(data)
            for x in pending:
                learner.tell_pending(x)
        except BaseException:
            state.clear()
            state.update(before)
            raise


def checked_data(data: Any) -> dict[Any, Any]:
    """Return the value that is assigned to ``learner.data`` as a dict."""
    if not isinstance(data, Mapping):
        raise AttributeError(
            f"learner.data must be set to a mapping of points to values, got {type(data).__name__}. "
            "Its results replace those of the learner."
        )
    return dict(data)
