"""How many slots a run claims."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from adaptive_dask.cluster import scheduler_slots
from adaptive_dask.cluster.scheduler_assignments import MIN_SLOTS, Assignments
from adaptive_dask.cluster.scheduler_slots import RunSlots


async def released() -> None:
    """Let no evaluators go: there are none."""


def slots_of_a_run(total: int, on_claim: Callable[[], None] = lambda: None) -> RunSlots:
    """The slots of a run on a cluster with `total` threads."""
    scheduler = SimpleNamespace(total_nthreads=total, workers={})
    host = SimpleNamespace(scheduler=scheduler, on_claim=on_claim)
    spec = SimpleNamespace(tasks={}, evaluation=SimpleNamespace(ntasks=None), weight=1.0)
    state = SimpleNamespace(is_stopping=False, is_working=True)
    sender = SimpleNamespace(has_no_more=False, asks_no_more=False, unsent=[])
    slots = RunSlots(*cast(Any, (spec, host, state, Assignments(), sender, SimpleNamespace(waiting=0))))
    slots._evaluators = cast(Any, SimpleNamespace(released=released))
    return slots


@pytest.mark.parametrize("total", [16, 10_000])
def test_a_run_of_a_fast_function_does_not_claim_a_large_cluster(total: int) -> None:
    async def claims() -> list[int]:
        slots = slots_of_a_run(total)
        found = []
        for seconds in (None, 1e-6, 60.0):
            if seconds is not None:
                slots.assignments.measure_step(0.001, 0.001, 100)  # 10 µs per point
                slots.assignments.measure([seconds] * 1_000, None)
            slots.count_wanted()
            found.append(min(total, slots.claim().wanted))
        await slots.end()
        return found

    assert asyncio.run(claims()) == [total, min(total, MIN_SLOTS), total]


def test_the_number_does_not_change_with_each_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> list[int]:
        slots = slots_of_a_run(10_000)
        found = []
        for feedable in (200, 260, 250, 300, 130, 100):
            monkeypatch.setattr(Assignments, "feedable_slots", feedable)
            slots.count_wanted()
            found.append(slots.claim().wanted)
        await slots.end()
        return found

    assert asyncio.run(run()) == [256, 512, 512, 512, 512, 128]


def test_it_claims_more_slots_if_all_points_take_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler_slots, "COUNT_INTERVAL_S", 0.001)

    async def run() -> None:
        claimed = asyncio.Event()
        slots = slots_of_a_run(10_000, claimed.set)
        slots.assignments.measure_step(0.001, 0.001, 100)
        slots.assignments.measure([1e-6] * 1_000, None)
        slots.count_wanted()
        assert slots.claim().wanted == MIN_SLOTS
        claimed.clear()
        slots.assignments._last_result -= 3_600.0  # no result has arrived since then
        await claimed.wait()
        assert slots.claim().wanted >= 10_000
        await slots.end()

    asyncio.run(asyncio.wait_for(run(), 60))
