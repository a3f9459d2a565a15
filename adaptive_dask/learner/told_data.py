"""What ``learner.data`` is to users: a dict that only telling changes, and that can be assigned as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NoReturn, TypeVar, overload

K = TypeVar("K")
V = TypeVar("V")

_HOW = "tell a result with learner.tell(x, y); to take some out, assign those that remain: learner.data = {…}"


class ToldData(dict[K, V]):
    """The results that a learner was told, as a dict that users read.

    Copies (``copy()``, ``|``, pickles) are plain dicts. The learner writes with `put` and `put_many`, as the rest
    of its state must follow.
    """

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError(f"The data of a learner cannot be changed in place: {_HOW}.")

    __setitem__ = __delitem__ = __ior__ = _refuse
    pop = popitem = clear = update = setdefault = _refuse

    # Those of dict itself: a method around them would double what telling costs the quickest learners.
    put = dict.__setitem__
    put_many = dict.update

    def __copy__(self) -> dict[K, V]:
        return self.copy()

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (self.copy(),)


class DataView(ToldData[K, V]):
    """`ToldData` whose results are elsewhere: a subclass gives `__getitem__`, `__iter__` and `__len__`.

    The dict itself holds a single entry, which is never visible: the JSON module writes a dict without any as ``{}``
    before it asks for the items.
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
        """A dict with the results that there are now."""
        return {x: self[x] for x in self}

    def __repr__(self) -> str:
        return repr(dict(self))


class Data:
    """The attribute ``data`` of a learner: reading gives the results, assigning tells them.

    An assignment forgets what was told before and tells the learner the assigned data at once. Points that are
    pending stay so, unless they are told. If the learner refuses the new data it stays as it was. The learner has
    ``_data``, ``_start_over()``, which forgets all results and pending points, and ``_assign(data)``, which tells.
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
    """What ``learner.data`` is assigned, as a dict."""
    if not isinstance(data, Mapping):
        raise AttributeError(
            f"learner.data must be set to a mapping of points to values, got {type(data).__name__}. "
            "The learner forgets its data and is told these."
        )
    return dict(data)
