"""Whatever user code raises is the run's error, also what would end a thread, an event loop or the process."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from typing import Any

import pytest

from adaptive_dask.errors import AdaptiveError, FunctionError, LearnerError
from adaptive_dask.plain import safe_repr
from adaptive_dask.run.driver import Driver
from adaptive_dask.run.failures import Failure
from adaptive_dask.run.goals import Goal
from adaptive_dask.run.session import Session
from adaptive_dask.run.tracebacks import format_error
from adaptive_dask.user_code import as_exception, guarded

from .fakes import CountingLearner

BROKEN = Failure("Traceback: broken", ArithmeticError("broken"))


class Unprintable(Exception):
    def __repr__(self) -> str:
        raise ValueError("repr")

    __str__ = __repr__


KINDS = [
    SystemExit,
    KeyboardInterrupt,
    GeneratorExit,
    StopIteration,
    asyncio.CancelledError,
    concurrent.futures.CancelledError,
    Unprintable,
    BaseException,
]


class Raising(CountingLearner):
    """Raises an error in one of its methods.

    Attributes
    ----------
    where : str or None
        In which.
    """

    where: str | None = None
    raised: BaseException

    def __getattribute__(self, name: str) -> Any:
        get = object.__getattribute__
        if name == get(self, "where"):
            if name == "npoints":
                raise get(self, "raised")
            return lambda *args, **kwargs: _raise(get(self, "raised"))
        return get(self, name)


def _raise(error: BaseException) -> Any:
    raise error


def in_thread(call: Any) -> Any:
    """As runs call user code; in the main thread, `KeyboardInterrupt` is Ctrl-C."""
    result: list[Any] = []
    thread = threading.Thread(target=lambda: result.append(call()))
    thread.start()
    thread.join(60)
    (value,) = result
    return value


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("where", ["ask", "tell", "npoints", "remove_unfinished", "tell_many", "goal", "on_error"])
def test_it_is_the_error_of_the_run(kind: type[BaseException], where: str) -> None:
    raised = kind()

    def drive() -> AdaptiveError | None:
        learner = Raising()
        armed = False

        def goal(_: Any) -> bool:
            return armed and where == "goal" and _raise(raised)

        def on_error(point: Any, error: Any) -> float:
            return -1.0 if where != "on_error" else _raise(raised)

        session = Session(learner, Goal(goal), on_error=on_error)
        taken = session.take(3)
        armed = True
        learner.raised, learner.where = raised, where
        session.tell([(taken[0][0], BROKEN), (taken[1][0], 1.0), (taken[2][0], 2.0)])
        session.take(2)
        _ = session.npoints
        session.finish()
        return session.error

    error = in_thread(drive)
    if where == "tell_many":  # each is told by itself then
        assert error is None
        return
    assert isinstance(error, FunctionError if where == "tell" else LearnerError)
    assert error.__cause__ is raised
    assert kind.__name__ in str(error)


@pytest.mark.parametrize("kind", KINDS)
def test_who_calls_or_tells_gets_an_exception(kind: type[BaseException]) -> None:
    def drive() -> list[BaseException]:
        learner = Raising()
        session = Session(learner, Goal())
        caught: list[BaseException] = []
        learner.raised, learner.where = kind(), "tell"
        for call in (lambda: session.call(lambda _: _raise(kind())), lambda: session.tell_from_elsewhere(0, 1.0)):
            try:
                call()
            except Exception as error:
                caught.append(error)
        assert session.error is None
        return caught

    errors = in_thread(drive)
    assert len(errors) == 2
    for error in errors:
        assert isinstance(error, Exception)
        assert type(error) is kind or type(error.__cause__) is kind
        assert not isinstance(error, StopIteration | concurrent.futures.CancelledError)


def test_ctrl_c_is_raised_again() -> None:
    """In the main thread, where Python raises it, wherever the learner is at work."""
    for where in ("ask", "tell", "npoints"):
        learner = Raising()
        session = Session(learner, Goal(npoints=10))
        taken = session.take(1)
        learner.raised, learner.where = KeyboardInterrupt(), where
        with pytest.raises(KeyboardInterrupt):
            session.take(1) if where == "ask" else session.tell([(taken[0][0], 1.0)])
    with pytest.raises(KeyboardInterrupt):
        guarded(_raise, KeyboardInterrupt())


@pytest.mark.parametrize("npoints", [float("nan"), float("inf"), "many", None, 1j])
def test_a_number_of_points_that_is_none(npoints: Any) -> None:
    class Odd(CountingLearner):
        @property
        def npoints(self) -> Any:
            return npoints

    session = Session(Odd(), Goal(npoints=3))
    assert isinstance(session.error, LearnerError)
    assert "npoints" in str(session.error)
    assert session.npoints == 0


@pytest.mark.parametrize("loss", [10**400, 1j, None, "large", [1.0, 2.0], *KINDS])
def test_a_loss_that_is_no_number_is_unknown(loss: Any) -> None:
    class Odd(CountingLearner):
        def loss(self, real: bool = True) -> Any:
            return _raise(loss()) if isinstance(loss, type) else loss

    def look() -> Driver:
        return Driver(Odd(), Goal())

    assert in_thread(look).loss != in_thread(look).loss  # NaN


def test_an_error_that_cannot_be_printed_is_described() -> None:
    assert "Unprintable" in safe_repr(Unprintable())
    assert "Unprintable" in format_error(Unprintable())

    class Worse(Exception):
        @property
        def __cause__(self) -> Any:
            raise SystemExit

    assert "Worse" in format_error(Worse())
    assert isinstance(as_exception(Worse()), Worse)


@pytest.mark.parametrize("cause", [3, "text", None])
def test_what_was_unpickled_as_an_exception_may_be_none(cause: Any) -> None:
    failure = Failure("text", cause)
    assert failure.as_error(0.5).__cause__ is None
