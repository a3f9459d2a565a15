"""`runner.actor`: the hosted learner, as if it were here."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from adaptive_dask.runner.run import Run


class Actor:
    """A proxy of the hosted learner.

    A method is called there, in the learner's thread, and its result comes back; an attribute is
    fetched. With an asynchronous client, both are awaited.
    """

    def __init__(self, run: Run) -> None:
        self._run = run

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
