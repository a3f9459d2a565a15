"""Runs that misbehave beside another one, which must not notice; shared by `chaos` and ``fuzz_event_loop.py``.

Each is started, ends in the way that it should, and is forgotten.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import cloudpickle
from distributed import Client

import adaptive_dask as adaptive
from adaptive_dask.errors import AdaptiveError

TIMEOUT = 120.0

# Of the scheduler, by an environment variable: a learner that hangs is to be told of soon.
ENVIRONMENT = {"DASK_ADAPTIVE_DASK__LEARNER_TIMEOUT": "1s"}


def raises(kind: str, *args: Any) -> Any:
    import asyncio
    import builtins

    raise asyncio.CancelledError if kind == "CancelledError" else getattr(builtins, kind)


def hangs(over: str, *args: Any) -> float:
    import os
    import time

    while not os.path.exists(over):
        time.sleep(0.05)  # it hangs until all is over
    return 1.0


def fails_oddly(x: float) -> float:
    if abs(x) < 0.5:
        raise OSError("data-\udce4.txt")
    return x


class Countless(adaptive.Learner1D):
    """Says that it has more points than 64 bits can count."""

    @property
    def npoints(self) -> int:
        return 10**30 * len(self.data)

    def loss(self, real: bool = True) -> Any:
        return 10**400


def exit_the_scheduler(client: Client, name: str, over: str) -> None:
    """A loss, a goal and a function raise what ends processes and event loops."""
    for kind in ("SystemExit", "KeyboardInterrupt", "GeneratorExit", "CancelledError"):
        call = partial(raises, kind)
        line = adaptive.Learner1D(abs, (-1, 1))
        learners = [adaptive.Learner1D(abs, (-1, 1), loss_per_interval=call), line, adaptive.Learner1D(call, (-1, 1))]
        for learner in learners:
            options: dict[str, Any] = {"goal": partial(_raise_later, kind)} if learner is line else {"npoints_goal": 30}
            runner = adaptive.Runner(learner, executor=client, name=name, **options)
            # Not `result`, which tells the learner here, too, whose loss raises as well.
            error = runner._run.done.exception(TIMEOUT)
            assert isinstance(error, AdaptiveError), error
            assert kind in str(error), error
            runner.forget()


def _raise_later(kind: str, learner: Any) -> Any:
    return learner.npoints > 5 and raises(kind)


def hang_in_the_learner(client: Client, name: str, over: str) -> None:
    """More learners hang than there are threads; others go on, and those that hang can be cancelled and forgotten."""
    hung = [
        adaptive.Runner(
            adaptive.Learner1D(abs, (-1, 1), loss_per_interval=partial(hangs, over)),
            executor=client,
            name=f"{name}-{i}",
        )
        for i in range(5)
    ]
    for runner in hung:
        _wait_until(lambda runner=runner: "learner has been busy" in (runner.info().get("waits_for") or ""))
    be_well(client, f"{name}-well")
    for runner in hung:
        runner.cancel()
        assert runner.wait(TIMEOUT)
        assert runner.status() == "cancelled"
        runner.forget()


def say_what_no_message_carries(client: Client, name: str, over: str) -> None:
    """Numbers beyond 64 bits, and texts that are not UTF-8."""
    for refused in ({"name": "\udce4"}, {"npoints_goal": 10**20}):
        try:
            adaptive.Runner(adaptive.Learner1D(abs, (-1, 1)), executor=client, **refused)
        except ValueError:
            continue
        raise AssertionError(f"{refused!r} was not refused")
    runner = adaptive.Runner(Countless(abs, (-1, 1)), executor=client, name=name, goal=lambda learner: False)
    _wait_until(lambda: runner.info().get("npoints") == 2**63 - 1)
    assert name in {run["name"] for run in adaptive.runs(client)}
    runner.cancel()
    assert runner.wait(TIMEOUT)
    runner.forget()
    runner = adaptive.Runner(adaptive.Learner1D(fails_oddly, (-1, 1)), executor=client, name=name, npoints_goal=30)
    assert runner.wait(TIMEOUT)
    assert r"data-\udce4.txt" in str(runner.task.exception())
    runner.forget()


def use_a_name_again(client: Client, name: str, over: str) -> None:
    """A second run has the name of one that ended; who followed the first has nothing of it."""
    first = adaptive.Runner(adaptive.Learner1D(abs, (-1, 1)), executor=client, name=name, npoints_goal=30)
    follower = adaptive.attach(name, client)
    second = None
    while second is None:
        try:
            second = adaptive.Runner(adaptive.Learner1D(abs, (5, 6)), executor=client, name=name, npoints_goal=30)
        except adaptive.errors.RunExistsError:
            first.wait(0.01)
    for runner, low, high in ((second, 5, 6), (first, -1, 1), (follower, -1, 1)):
        data = runner.result(TIMEOUT).data
        assert len(data) == 30
        assert all(low <= x <= high for x in data)
    second.forget()


def be_well(client: Client, name: str) -> None:
    """A run like any other."""
    runner = adaptive.Runner(adaptive.Learner1D(abs, (-1, 1)), executor=client, name=name, npoints_goal=30)
    assert runner.result(TIMEOUT).npoints == 30
    runner.forget()


def _wait_until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline, f"it took longer than {TIMEOUT} s"
        time.sleep(0.01)  # between two looks


KINDS: dict[str, Callable[[Client, str, str], None]] = {
    "exit": exit_the_scheduler,
    "hang": hang_in_the_learner,
    "odd": say_what_no_message_carries,
    "again": use_a_name_again,
}

# Neither scheduler nor workers can import the tests.
cloudpickle.register_pickle_by_value(sys.modules[__name__])
