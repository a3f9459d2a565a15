"""Slots are shared in proportion to weights, none is idle while somebody wants it, and nobody waits for ever."""

from __future__ import annotations

import asyncio

import pytest
from distributed.utils_test import gen_cluster
from hypothesis import given, settings
from hypothesis import strategies as st

import adaptive_dask as adaptive
from adaptive_dask.cluster import scheduler_shares
from adaptive_dask.cluster.client import ensure_host
from adaptive_dask.cluster.protocol import POINTS, Route
from adaptive_dask.cluster.scheduler_shares import QUANTUM_S, Claim, share

from ..patience import OPTIONS, TIMEOUT, until
from .functions import slow_peak
from .gate import Gate
from .test_host import learner, run_of

claims = st.lists(
    st.builds(
        Claim,
        weight=st.floats(0.01, 100),
        wanted=st.integers(0, 50),
        has=st.integers(0, 50),
        served=st.floats(0, 1e6),
    ),
    max_size=12,
)


@settings(deadline=None)
@given(slots=st.integers(0, 100), claims=claims)
def test_all_is_given_and_nobody_gets_more_than_wanted(slots: int, claims: list[Claim]) -> None:
    given = share(slots, claims)
    assert sum(given) == min(slots, sum(claim.wanted for claim in claims))
    assert all(0 <= number <= claim.wanted for number, claim in zip(given, claims, strict=True))


@settings(deadline=None)
@given(slots=st.integers(0, 100), claims=claims)
def test_who_wants_more_has_a_part_like_the_others(slots: int, claims: list[Claim]) -> None:
    """To one slot, nobody gets more for its weight than somebody who is not satisfied."""
    given = share(slots, claims)
    for number, claim in zip(given, claims, strict=True):
        if number < claim.wanted:
            for other, rival in zip(given, claims, strict=True):
                assert (other - 1) / rival.weight <= (number + 1) / claim.weight * (1 + 1e-6)


def equal(*served: float, has: int = 0, weight: float = 1.0) -> list[Claim]:
    return [Claim(weight, 1000, has, seconds) for seconds in served]


def test_weights() -> None:
    assert share(8, [Claim(1, 100, 0, 0.0), Claim(3, 100, 0, 0.0)]) == [2, 6]
    assert share(8, [Claim(1, 100, 0, 0.0), Claim(3, 2, 0, 0.0)]) == [6, 2]


def test_what_is_left_over_goes_to_those_who_were_served_least() -> None:
    assert share(2, equal(3.0, 1.0, 2.0)) == [0, 1, 1]
    assert share(4, equal(3.0, 1.0, 2.0)) == [1, 2, 1]


def test_of_equals_the_first_come_first() -> None:
    assert share(2, equal(0.0, 0.0, 0.0)) == [1, 1, 0]


def test_who_has_a_slot_keeps_it_for_a_while() -> None:
    claims = [*equal(0.5 * QUANTUM_S, has=1), *equal(0.0)]
    assert share(1, claims) == [1, 0]
    claims[0].served = 1.5 * QUANTUM_S
    assert share(1, claims) == [0, 1]


def test_over_time_everybody_is_served_the_same() -> None:
    claims = equal(*[0.0] * 7)
    for _ in range(700):
        for claim, number in zip(claims, share(3, claims), strict=True):
            claim.has = number
            claim.served += number
    served = [claim.served for claim in claims]
    assert max(served) - min(served) <= QUANTUM_S + 2


def slots_of(scheduler, runner):
    host = scheduler.plugins.get("adaptive")
    return host.runs[runner.name].assignments.slots if host and runner.name in host.runs else None


@gen_cluster(**OPTIONS)
async def test_runs_share_the_slots_by_weight_as_they_come_and_go(c, s, a, b):
    first = adaptive.Runner(learner(slow_peak), executor=c)
    await until(lambda: slots_of(s, first) == 4)
    second = adaptive.Runner(learner(slow_peak), executor=c, weight=3)
    await until(lambda: [slots_of(s, run) for run in (first, second)] == [1, 3])
    second.pause()
    await until(lambda: [slots_of(s, run) for run in (first, second)] == [4, 0])
    second.resume()
    await until(lambda: [slots_of(s, run) for run in (first, second)] == [1, 3])
    first.cancel()
    await first.wait(TIMEOUT)
    await until(lambda: slots_of(s, second) == 4)
    second.cancel()
    await second.wait(TIMEOUT)
    await until(lambda: not s.tasks)


@gen_cluster(**OPTIONS)
async def test_with_more_runs_than_slots_everybody_gets_a_turn(c, s, a, b):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scheduler_shares, "QUANTUM_S", 0.1)
        runners = [adaptive.Runner(learner(slow_peak), executor=c) for _ in range(6)]
        await until(lambda: all(slots_of(s, runner) is not None for runner in runners))
        await until(lambda: all(run_of(s, runner).history.evaluated > 20 for runner in runners))
        assert sum(slots_of(s, runner) for runner in runners) <= 4
        for runner in runners:
            runner.cancel()
        for runner in runners:
            await runner.wait(TIMEOUT)
        await until(lambda: not s.tasks)


@gen_cluster(**OPTIONS)
async def test_a_worker_whose_slots_all_go_to_other_runs_gives_its_points_back(c, s, a, b):
    """Points that wait there are evaluated or come back; the end of a run is the only stop that forgets them."""
    points = range(300)
    learner = adaptive.SequenceLearner(slow_peak, points)
    runner = adaptive.Runner(learner, executor=c)
    await until(lambda: slots_of(s, runner) is not None)
    run = run_of(s, runner)
    for evaluated in range(20, len(points) - 50, 10):
        await until(
            lambda least=evaluated: (
                run.history.evaluated > least and run.assignments.in_flight > run.assignments.slots > 0
            )
        )
        for worker in list(run.assignments.loads):
            run.sender.stop(worker, keep=0)
    await asyncio.wait_for(runner.task, 60)
    assert learner.npoints == len(points)


@gen_cluster(**OPTIONS)
async def test_the_other_runs_take_what_one_cannot_use(c, s, a, b):
    narrow = adaptive.Runner(learner(slow_peak), executor=c, ntasks=1, weight=10)
    wide = adaptive.Runner(learner(slow_peak), executor=c)
    await until(lambda: [slots_of(s, run) for run in (narrow, wide)] == [1, 3])
    for runner in (narrow, wide):
        runner.cancel()
        await runner.wait(TIMEOUT)


@pytest.mark.parametrize("weight", [0, -1, float("nan"), float("inf"), "heavy", None])
def test_a_weight_is_a_positive_number(weight):
    with pytest.raises(ValueError, match="weight must be a positive number"):
        adaptive.Runner(learner(slow_peak), weight=weight)


@gen_cluster(**OPTIONS)
async def test_in_a_crowd_evaluators_leave_after_the_last_point(c, s, a, b, monkeypatch):
    """They do not wait until the scheduler knows that the run is at its end."""
    monkeypatch.setattr(scheduler_shares, "CROWD_RUNS", 1)
    monkeypatch.setattr(scheduler_shares, "CROWD_RUNS_PER_SLOT", 0.0)
    gate = Gate()
    runner = adaptive.Runner(learner(gate.function), npoints_goal=3, executor=c)
    await until(lambda: gate.inside)
    run = run_of(s, runner)
    # All points are sent; if one worker was faster, its third waits behind the other two.
    await until(lambda: sum(len(load.ids) for load in run.assignments.loads.values()) == 3)
    async with run.state.turns:  # so that the learner hears of nothing
        gate.opened.set()
        await until(lambda: run.assignments.slots == 0)
        assert run.status == "running"
        assert run.slots.claim().wanted == 0
    assert (await runner.result(TIMEOUT)).npoints == 3


@gen_cluster(**OPTIONS)
async def test_points_come_together_with_the_function(c, s, a, b, monkeypatch):
    """A worker that asks for the function has an evaluator: its points need not wait until that says so itself."""
    sent = []
    send = s.worker_send
    await ensure_host(c)
    answer = s.handlers[Route.FUNCTION]

    async def late_answer(**arguments):
        reply = await answer(**arguments)
        await until(lambda: sent)
        return reply

    def note(worker, message):
        if message.get("op") == POINTS:
            sent.append(worker)
        send(worker, message)

    s.handlers[Route.FUNCTION] = late_answer
    monkeypatch.setattr(s, "worker_send", note)
    runner = adaptive.Runner(learner(), npoints_goal=30, executor=c)
    assert (await runner.result(TIMEOUT)).npoints == 30
