"""Malformed, foreign, doubled, late and unordered messages: runs go on, and no worker is disconnected."""

from __future__ import annotations

import asyncio
import dataclasses
import random
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from distributed import Client, LocalCluster

import adaptive_dask as adaptive
from adaptive_dask.cluster import scheduler_subscriptions
from adaptive_dask.cluster.client import request
from adaptive_dask.cluster.protocol import REPORT, Evaluation, Report, Route, RunSpec, own_versions
from adaptive_dask.run.options import SessionOptions
from adaptive_dask.run.pickling import dumps

from ..patience import TIMEOUT, wait_until
from .conftest import assert_clean, host_of
from .functions import slow_peak
from .malformed import ARGUMENTS, junk, make_report, make_request

ROUNDS = 60


class Pulse:
    """A heartbeat on the scheduler's event loop: how long it was at something else, in processor time."""

    def __init__(self) -> None:
        self.longest = 0.0
        self.stop = False

    async def beat(self) -> None:
        while not self.stop:
            before = time.thread_time()
            await asyncio.sleep(0.002)
            self.longest = max(self.longest, time.thread_time() - before)


@pytest.fixture(scope="module")
def attacked() -> Iterator[SimpleNamespace]:
    """A cluster with a run that goes on until all of the attacks are over."""
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=2, processes=True, host="127.0.0.1", dashboard_address="127.0.0.1:0"
        ) as cluster,
        Client(cluster) as client,
    ):
        client.wait_for_workers(2, timeout=TIMEOUT)
        workers = set(client.scheduler_info()["workers"])
        pulse = Pulse()
        beating = asyncio.run_coroutine_threadsafe(pulse.beat(), cluster.scheduler.loop.asyncio_loop)
        learner = adaptive.Learner1D(slow_peak, bounds=(-1, 1))
        runner = adaptive.Runner(learner, name="victim", on_error="skip", allowed_failures=10**6)
        run = host_of(cluster).runs["victim"]
        yield SimpleNamespace(cluster=cluster, client=client, runner=runner, run=run)
        # The run has gone on all the time, and goes on; every result was told once.
        before = run.learner.npoints
        wait_until(lambda: run.learner.npoints > before + 50)
        assert runner.status() == "running"
        assert set(client.scheduler_info()["workers"]) == workers
        runner.cancel()
        runner.wait(TIMEOUT)
        assert run.feed.position == runner.learner.npoints == len(runner.learner.data)
        pulse.stop = True
        beating.result(TIMEOUT)
        assert pulse.longest < 0.5
        assert_clean(cluster)


def send(messages: list[dict[str, Any]], dask_worker: Any = None) -> None:
    """Let a worker send what it should not."""
    for message in messages:
        dask_worker.loop.add_callback(dask_worker.batched_send, message)


def test_every_route_is_attacked():
    assert set(ARGUMENTS) == set(Route)


NAN, INF = float("nan"), float("inf")

# Each of these once stopped a run.
DANGEROUS: list[list[dict[str, Any]]] = [
    [{"slots": 10**18}],
    [{"echo": (NAN, 0.0), "slots": 2}, {"echo": (1e300, 0.0)}],
    [{"echo": (0.0, -INF)}],
    [{"ids": [0], "values": [1.0], "durations": [INF]}],
    [{"ids": [0], "values": ["no"], "durations": [0.0]}],
]


@pytest.mark.long
def test_any_report_of_a_worker(attacked):
    rng = random.Random(1)
    attacks = DANGEROUS + [[make_report(rng) for _ in range(rng.randrange(1, 9))] for _ in range(ROUNDS)]
    for attack in attacks:
        run = rng.choice([attacked.run.id, attacked.run.id, "another"])
        messages = [{"op": REPORT, "run": run, **report} for report in attack]
        attacked.client.run(send, rng.choice([messages, [*messages, *messages[::-1]]]))
        before = attacked.run.learner.npoints
        wait_until(lambda before=before: attacked.run.learner.npoints > before or attacked.run.status != "running")
        assert attacked.run.status == "running", attack


def test_any_report_of_anybody(attacked):
    rng = random.Random(2)
    handler = attacked.cluster.scheduler.stream_handlers[REPORT]

    async def call(worker: Any, run: Any, report: dict[str, Any]) -> None:
        handler(worker=worker, **{"run": attacked.run.id, **report})
        handler(worker=worker, **{"run": run, **report})

    for _ in range(5 * ROUNDS):
        report = make_report(rng)
        sent = call(rng.choice([junk(rng), "tcp://127.0.0.1:1"]), junk(rng), report)
        asyncio.run_coroutine_threadsafe(sent, attacked.cluster.scheduler.loop.asyncio_loop).result(TIMEOUT)
        assert attacked.run.status == "running", report


def test_any_request(attacked, monkeypatch):
    monkeypatch.setattr(scheduler_subscriptions, "MAX_WAIT_S", 0.05)  # for whatever is waited, in this process
    rng = random.Random(3)

    async def ask(route: Route, arguments: dict[str, Any]) -> Any:
        return await getattr(attacked.client.scheduler, route)(versions=own_versions(), **arguments)

    for _ in range(5 * ROUNDS):
        route, arguments = make_request(rng, attacked.run.id)
        reply = attacked.client.sync(ask, route, arguments)
        assert set(reply) in ({"ok"}, {"error"})
        if "odd" in arguments:
            assert "error" in reply
        assert attacked.run.status == "running", (route, arguments)


GOOD = RunSpec(
    name="good",
    learner=b"",
    functions=[],
    function=b"",
    goal=b"",
    weight=1.0,
    drain=True,
    on_error="raise",
    evaluation=Evaluation(),
    session=SessionOptions(),
)


def test_any_description_of_a_run(attacked):
    rng = random.Random(4)
    names = [field.name for field in dataclasses.fields(RunSpec)]

    async def ask(spec: RunSpec) -> Any:
        return await request(attacked.client, Route.START, spec=dumps(spec))

    for _ in range(ROUNDS):
        spec = dataclasses.replace(GOOD, **{name: junk(rng) for name in rng.sample(names, rng.randrange(4))})
        with pytest.raises(Exception):  # noqa: B017, PT011  whatever is wrong with it
            attacked.client.sync(ask, spec)
        assert set(host_of(attacked.cluster).runs) == {"victim"}


def test_a_report_is_checked_or_refused():
    rng = random.Random(5)
    checked = 0
    for _ in range(3000):
        try:
            report = Report.check(**make_report(rng))
        except (ValueError, TypeError, AttributeError, OverflowError):
            continue
        checked += 1
        assert len(report.ids) == len(report.values) == len(report.durations)
        assert 0 <= sum(report.durations) < INF
    assert checked > 300
