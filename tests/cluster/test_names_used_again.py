"""Names that are used again: who follows a run has its data and its end, whatever else has its name by now."""

from __future__ import annotations

import asyncio
import contextlib

import numpy as np
import pytest
from distributed import Client
from distributed.utils_test import gen_cluster

import adaptive_dask as adaptive
from adaptive_dask.cluster import scheduler_feed
from adaptive_dask.errors import RunNotFoundError, SchedulerLostError
from adaptive_dask.runner import watcher

from ..patience import OPTIONS, TIMEOUT, until
from ..settings import change

LEARNERS = {
    "same": lambda: adaptive.Learner1D(lambda x: -x, (0, 1)),
    "other bounds": lambda: adaptive.Learner1D(lambda x: -x, (5, 6)),
    "other kind": lambda: adaptive.Learner2D(lambda xy: -xy[0], [(0, 1), (0, 1)]),
}


def first():
    return adaptive.Learner1D(lambda x: x + 1, (0, 1))


@contextlib.contextmanager
def held_up(client):
    """The client's watcher gets no answers, as if its process were stopped."""
    goes_on = asyncio.Event()
    original = watcher.request

    async def request(asking, route, **arguments):
        if asking is client:
            await goes_on.wait()
        return await original(asking, route, **arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(watcher, "request", request)
        yield goes_on
        goes_on.set()


async def use_again(client, scheduler, name, kind):
    """Wait for the end of the run, and have another one run under its name."""
    await until(lambda: scheduler.plugins["adaptive"].runs[name].status != "running")
    return adaptive.Runner(LEARNERS[kind](), npoints_goal=150, name=name, executor=client)


@pytest.mark.long
@pytest.mark.parametrize("kind", list(LEARNERS))
@pytest.mark.parametrize("has_ended", [True, False])
@gen_cluster(**OPTIONS)
async def test_a_client_that_stood_still_has_the_data_of_its_own_run(c, s, a, b, kind, has_ended):
    async with Client(s.address, asynchronous=True, set_as_default=False) as other:
        with held_up(c) as goes_on:
            runner = adaptive.Runner(first(), npoints_goal=100, name="again", executor=c)
            await until(lambda: "adaptive" in s.plugins and "again" in s.plugins["adaptive"].runs)
            successor = await use_again(other, s, "again", kind)
            if has_ended:
                await successor.result(TIMEOUT)
            goes_on.set()
            learner = await runner.result(TIMEOUT)
        assert learner.npoints == 100
        assert all(y == x + 1 for x, y in learner.data.items())
        await successor.result(TIMEOUT)
        assert successor.learner.npoints == 150
        assert min(np.ravel(list(successor.learner.data))) >= min(np.ravel(LEARNERS[kind]().bounds))
        assert all(value == -np.ravel(x)[0] for x, value in successor.learner.data.items())


@pytest.mark.parametrize("kind", list(LEARNERS))
@gen_cluster(**OPTIONS)
async def test_commands_and_questions_go_to_the_own_run(c, s, a, b, kind):
    runner = adaptive.Runner(first(), npoints_goal=20, name="again", executor=c)
    await runner.result(TIMEOUT)
    other = adaptive.Runner(LEARNERS[kind](), name="again", executor=c)  # goes on
    await until(lambda: s.plugins["adaptive"].runs["again"].learner.npoints > 20)
    assert await runner.call(lambda learner: learner.npoints) == 20
    assert await runner.actor.npoints == 20
    await runner.tell(0.123, 1.123)
    await until(lambda: runner._run.replica.learner.data.get(0.123) == 1.123)
    assert await runner.call(lambda learner: learner.npoints) == 21
    assert await runner.cancel_points([0.5]) == []
    await runner._run._inspect()
    assert runner.pending_points == []
    for command in (runner.pause, runner.resume, runner.cancel):
        await command()
    await runner.forget()
    for command in (
        runner.pause,
        runner.cancel,
        runner.forget,
        lambda: runner.call(len),
        lambda: runner.tell(0.1, 1.0),
    ):
        with pytest.raises(RunNotFoundError, match=r"forgotten.*another run of that name"):
            await command()
    assert other.status() == "running"
    assert 0.123 not in await other.call(lambda learner: list(learner.data))
    await other.cancel()
    await other.wait(TIMEOUT)
    assert other.status() == "cancelled"


@gen_cluster(**OPTIONS)
async def test_of_a_run_that_was_forgotten_a_client_gets_an_error_and_no_data_of_another(c, s, a, b):
    with pytest.MonkeyPatch.context() as patch:
        change(patch, "scheduler.ended-points", 0)
        patch.setattr(scheduler_feed, "RESULTS_TIMEOUT_S", 0.0)
        async with Client(s.address, asynchronous=True, set_as_default=False) as other:
            with held_up(c) as goes_on:
                runner = adaptive.Runner(first(), npoints_goal=100, name="again", executor=c)
                await until(lambda: "adaptive" in s.plugins and "again" in s.plugins["adaptive"].runs)
                await (await use_again(other, s, "again", "same")).result(TIMEOUT)
                goes_on.set()
                with pytest.raises(SchedulerLostError, match="does not know the run 'again' any more"):
                    await runner.result(TIMEOUT)
            assert runner.learner.npoints == 0


@gen_cluster(**OPTIONS)
async def test_runs_whose_names_were_used_again_do_not_pile_up(c, s, a, b):
    with pytest.MonkeyPatch.context() as patch:
        change(patch, "scheduler.ended-runs", 3)
        patch.setattr(scheduler_feed, "RESULTS_TIMEOUT_S", 0.0)
        for _ in range(8):
            await adaptive.Runner(first(), npoints_goal=2, name="again", executor=c).result(TIMEOUT)
        host = s.plugins["adaptive"]
        await until(lambda: len(host.table.by_id) == 1 + 3)
        assert [run["name"] for run in await adaptive.runs(c)] == ["again"]
        change(patch, "scheduler.ended-points", 4)
        await adaptive.Runner(first(), npoints_goal=2, name="again", executor=c).result(TIMEOUT)
        assert len(host.table.by_id) == 2


@gen_cluster(**OPTIONS)
async def test_who_attaches_gets_the_newest(c, s, a, b):
    for number in range(3):
        await adaptive.Runner(first(), npoints_goal=2 + number, name="again", executor=c).result(TIMEOUT)
    attached = await adaptive.attach("again", c)
    assert (await attached.result(TIMEOUT)).npoints == 4
