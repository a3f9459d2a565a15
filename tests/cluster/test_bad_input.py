"""Malformed, foreign, doubled, late and unordered messages: runs go on, and no worker is disconnected."""

from __future__ import annotations

import asyncio
import dataclasses
import random
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from distributed import Client, LocalCluster

import adaptive_dask as adaptive
from adaptive_dask.cluster.client import request
from adaptive_dask.cluster.protocol import REPORT, Evaluation, Report, Route, RunSpec, dumps
from adaptive_dask.cluster.versions import own_versions

from ..patience import TIMEOUT, wait_until
from .conftest import assert_clean, host_of
from .functions import slow_peak

ROUNDS = 60

ODD = [
    None,
    True,
    0,
    -1,
    10**18,
    2**63 - 1,
    -(2**63),
    0.5,
    1e308,
    float("nan"),
    float("inf"),
    "",
    "text",
    b"",
    b"bytes",
]


def junk(rng: random.Random, depth: int = 2) -> Any:
    """Anything that a message can carry."""
    kind = rng.randrange(6 if depth else 4)
    if kind < 4:
        return rng.choice([*ODD, rng.randrange(300), rng.uniform(-1, 1)])
    inner = [junk(rng, depth - 1) for _ in range(rng.randrange(4))]
    return inner if kind == 4 else {str(key): value for key, value in enumerate(inner)}


def ids(rng: random.Random, n: int) -> list[int]:
    """Of points that are late, doubled, foreign, or under way."""
    return [rng.choice([rng.randrange(-3, 300), 10**9, 2**62]) for _ in range(n)]


def number(rng: random.Random) -> float:
    return rng.choice([0.0, 1e-3, -1.0, 1e308, float(10**18), float("nan"), float("inf"), rng.uniform(0, 1e6)])


WILD: dict[str, Callable[[random.Random], Any]] = {
    "slots": lambda rng: rng.choice([junk(rng), rng.randrange(5), 10**18]),
    "returned": lambda rng: rng.choice([junk(rng), ids(rng, 3)]),
    "failures": junk,
    "echo": lambda rng: rng.choice([junk(rng), (number(rng), number(rng))]),
    "seconds_of_failures": lambda rng: rng.choice([junk(rng), number(rng)]),
    "lifetime": lambda rng: rng.choice([junk(rng), (number(rng), number(rng))]),
    "durations": junk,
    "values": junk,
    "ids": junk,
    "unknown": junk,
}


def make_report(rng: random.Random) -> dict[str, Any]:
    """A report with few things in it that are wrong, or the whole of it would be refused for the first."""
    report: dict[str, Any] = {}
    if rng.random() < 0.5:
        n = rng.randrange(4)
        report = {"ids": ids(rng, n), "values": [rng.uniform(-2, 2) for _ in range(n)]}
        report["durations"] = [abs(number(rng)) if rng.random() < 0.2 else 0.01 for _ in range(n)]
    for name in rng.sample(list(WILD), rng.randrange(3)):
        report[name] = WILD[name](rng)
    return report


ARGUMENTS: dict[Route, list[str]] = {
    Route.START: ["spec"],
    Route.RUNS: [],
    Route.NUDGE: ["watcher"],
    Route.SNAPSHOT: ["name"],
    Route.INSPECT: ["name", "log_from"],
    Route.CALL: ["name", "payload"],
    Route.TELL: ["name", "points", "values"],
    Route.CONTROL: ["name", "action"],
    Route.FUNCTION: ["run", "worker"],
    Route.KEEP: ["run", "worker", "key", "nbytes"],
}


def make_request(rng: random.Random) -> tuple[Route, dict[str, Any]]:
    """A route with arguments of the right names, mostly, and little sense."""
    route = rng.choice(list(ARGUMENTS))
    arguments = {name: junk(rng) for name in ARGUMENTS[route] if rng.random() < 0.9}
    if "name" in arguments and rng.random() < 0.5:
        arguments["name"] = "victim"
    if rng.random() < 0.1:
        arguments["odd"] = junk(rng)
    return route, arguments


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
        assert pulse.longest < 1.0
        assert_clean(cluster)


def send(messages: list[dict[str, Any]], dask_worker: Any = None) -> None:
    """Let a worker send what it should not."""
    for message in messages:
        dask_worker.loop.add_callback(dask_worker.batched_send, message)


NAN, INF = float("nan"), float("inf")

# Each of these once stopped a run.
DANGEROUS: list[list[dict[str, Any]]] = [
    [{"slots": 10**18}],
    [{"echo": (NAN, 0.0), "slots": 2}, {"echo": (1e300, 0.0)}],
    [{"echo": (0.0, -INF)}],
    [{"ids": [0], "values": [1.0], "durations": [INF]}],
    [{"ids": [0], "values": ["no"], "durations": [0.0]}],
]


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


def test_any_request(attacked):
    rng = random.Random(3)

    async def ask(route: Route, arguments: dict[str, Any]) -> Any:
        return await getattr(attacked.client.scheduler, route)(versions=own_versions(), **arguments)

    for _ in range(3 * ROUNDS):
        route, arguments = make_request(rng)
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
    ntasks=None,
    weight=1.0,
    drain=True,
    on_error="raise",
    evaluation=Evaluation(),
    session={},
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
