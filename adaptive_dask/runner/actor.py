"""`runner.actor`: a proxy of the hosted learner."""

from __future__ import annotations

from collections.abc import Callable, Iterable
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
            return self._run.do(self._run.call, _call_method, "tell_many", list(xs), list(ys), **kwargs)
        return self._run.do(self._run.tell, list(xs), list(ys))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        kind = type(self._run.replica.learner)
        if callable(getattr(kind, name, None)):

            def method(*args: Any, **kwargs: Any) -> Any:
                return self._run.do(self._run.call, _call_method, name, *args, **kwargs)

            return method
        return self._run.do(self._run.call, getattr, name)

    def __repr__(self) -> str:
        return f"<Actor of run {self._run.name!r}>"


def _call_method(learner: Any, name: str, *args: Any, **kwargs: Any) -> Any:
    method: Callable[..., Any] = getattr(learner, name)
    return method(*args, **kwargs)
