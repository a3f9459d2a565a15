"""Malformed, foreign, doubled, late and unordered messages: runs go on, and no worker is disconnected."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from distributed import Client, LocalCluster
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import adaptive_dask as adaptive
from adaptive_dask.cluster.client import request
from adaptive_dask.cluster.protocol import REPORT, Report, Route, RunSpec, dumps
from adaptive_dask.cluster.versions import own_versions

from .conftest import TIMEOUT, assert_clean, host_of, wait_until
from .functions import slow_peak

# The scheduler, which is in this process, may use the `random` module while a strategy does.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module")

SETTINGS = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)

JUNK: Any = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)  # what a message can carry
    | st.floats()
    | st.text(max_size=10)
    | st.binary(max_size=10)
    | st.sampled_from([10**18, -1, 1e308, float("nan"), float("inf")]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
IDS = st.integers(-3, 300) | st.sampled_from([10**9, 2**62])
NUMBERS = st.floats() | st.sampled_from([0.0, 1e-3, 1e308, 10**18])


@st.composite
def results(draw: Any) -> dict[str, Any]:
    """Fields that fit each other: of late, doubled or foreign points, or of points that are under way."""
    n = draw(st.integers(0, 3))

    def some(each: Any) -> list[Any]:
        return list(draw(st.lists(each, min_size=n, max_size=n)))

    return {"ids": some(IDS), "values": some(st.floats(-2, 2)), "durations": some(NUMBERS)}


WILD: dict[str, Any] = {
    "slots": JUNK | st.integers(0, 4) | st.just(10**18),
    "returned": JUNK | st.lists(IDS, max_size=3),
    "failures": JUNK,
    "echo": JUNK | st.tuples(NUMBERS, NUMBERS),
    "seconds_of_failures": JUNK | NUMBERS,
    "lifetime": JUNK | st.tuples(NUMBERS, NUMBERS),
    "durations": JUNK,
    "values": JUNK,
    "ids": JUNK,
    "unknown": JUNK,
}


@st.composite
def some_reports(draw: Any) -> dict[str, Any]:
    """A report with few things in it that are wrong, or the whole of it would be refused for the first."""
    report = draw(results()) if draw(st.booleans()) else {}
    for name in draw(st.lists(st.sampled_from(list(WILD)), max_size=2, unique=True)):
        report[name] = draw(WILD[name])
    return report


REPORTS = some_reports()

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


@st.composite
def requests(draw: Any) -> tuple[Route, dict[str, Any]]:
    """A route with arguments of the right names, mostly, and little sense."""
    route = draw(st.sampled_from(list(ARGUMENTS)))
    names = [name for name in ARGUMENTS[route] if draw(st.integers(0, 9))]
    arguments = {name: draw(JUNK) for name in names}
    if "name" in arguments and draw(st.booleans()):
        arguments["name"] = "victim"
    if not draw(st.integers(0, 9)):
        arguments["odd"] = draw(JUNK)
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


@SETTINGS
@example(reports=[{"slots": 10**18}], known=True, doubled=False)
@example(
    reports=[{"echo": (NAN, 0.0), "slots": 2}, {"echo": (1e300, 0.0)}, {"echo": (0.0, -INF)}], known=True, doubled=True
)
@example(reports=[{"ids": [0], "values": [1.0], "durations": [INF]}], known=True, doubled=True)
@given(reports=st.lists(REPORTS, min_size=1, max_size=8), known=st.booleans(), doubled=st.booleans())
def test_any_report_of_a_worker(attacked, reports, known, doubled):
    run = attacked.run.id if known else "another"
    messages = [{"op": REPORT, "run": run, **report} for report in reports]
    if doubled:
        messages = [*messages, *messages[::-1]]
    attacked.client.run(send, messages)
    before = attacked.run.learner.npoints
    wait_until(lambda: attacked.run.learner.npoints > before or attacked.run.status != "running")
    assert attacked.run.status == "running"


@SETTINGS
@given(
    report=REPORTS,
    worker=JUNK | st.just("tcp://127.0.0.1:1"),
    run=JUNK,
)
def test_any_report_of_anybody(attacked, report, worker, run):
    handler = attacked.cluster.scheduler.stream_handlers[REPORT]

    async def call() -> None:
        handler(worker=worker, **{"run": attacked.run.id, **report})
        handler(worker=worker, **{"run": run, **report})

    asyncio.run_coroutine_threadsafe(call(), attacked.cluster.scheduler.loop.asyncio_loop).result(TIMEOUT)
    assert attacked.run.status == "running"


@SETTINGS
@given(asked=requests())
def test_any_request(attacked, asked):
    route, arguments = asked

    async def ask() -> Any:
        return await getattr(attacked.client.scheduler, route)(versions=own_versions(), **arguments)

    reply = attacked.client.sync(ask)
    assert set(reply) in ({"ok"}, {"error"})
    if "odd" in arguments or (not arguments and route not in (Route.RUNS,)):
        assert "error" in reply
    assert attacked.run.status == "running"


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
    session={},
)


@SETTINGS
@given(fields=st.dictionaries(st.sampled_from([field.name for field in dataclasses.fields(RunSpec)]), JUNK, max_size=3))
def test_any_description_of_a_run(attacked, fields):
    spec = dataclasses.replace(GOOD, **fields)

    async def ask() -> Any:
        return await request(attacked.client, Route.START, spec=dumps(spec))

    with pytest.raises(Exception):  # noqa: B017, PT011  whatever is wrong with it
        attacked.client.sync(ask)
    assert set(host_of(attacked.cluster).runs) == {"victim"}


@given(report=REPORTS)
def test_a_report_is_checked_or_refused(report):
    try:
        checked = Report.check(**report)
    except (ValueError, TypeError, AttributeError, OverflowError):
        return
    assert len(checked.ids) == len(checked.values) == len(checked.durations)
    assert 0 <= sum(checked.durations) < float("inf")
