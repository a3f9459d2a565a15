"""`runner.actor`: a proxy of the hosted learner."""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter, methodcaller
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from adaptive_dask.runner.run import Run


class Actor:
    """A proxy of the hosted learner.

    Methods are called with the hosted learner, in its thread, and return the result; attributes are
    fetched. With an asynchronous client, await both.
    """

    def __init__(self, run: Run) -> None:
        self._run = run

    def tell(self, x: Any, y: Any) -> Any:
        """Tell the learner a result, which is sent to all clients of the run."""
        return self._run.do(self._run.tell, [x], [y])

    def tell_many(self, xs: Iterable[Any], ys: Iterable[Any], **kwargs: Any) -> Any:
        """Tell the learner results; with further arguments, its own method is called."""
        if kwargs:
            return self._run.do(self._run.call, methodcaller("tell_many", list(xs), list(ys), **kwargs))
        return self._run.do(self._run.tell, list(xs), list(ys))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        kind = type(self._run.replica.learner)
        if callable(getattr(kind, name, None)):

            def method(*args: Any, **kwargs: Any) -> Any:
                return self._run.do(self._run.call, methodcaller(name, *args, **kwargs))

            return method
        return self._run.do(self._run.call, attrgetter(name))

    def __repr__(self) -> str:
        return f"<Actor of run {self._run.name!r}>"
