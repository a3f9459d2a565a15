"""The host's plugin, its stream handler and its routes, on a cluster within one event loop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import math
import operator
import pickle
import subprocess
import sys
import threading
import weakref
from operator import itemgetter

import cloudpickle
import pytest
from distributed import Worker
from distributed.utils_test import gen_cluster

import adaptive_dask as adaptive
from adaptive_dask.cluster import (
    scheduler_evaluators,
    scheduler_feed,
    scheduler_memory,
    scheduler_run,
    scheduler_runs,
    scheduler_subscriptions,
)
from adaptive_dask.cluster import worker_waiting as worker_side
from adaptive_dask.cluster.client import _make_registration, ensure_host, request
from adaptive_dask.cluster.protocol import KEY_PREFIX, REPORT, Route
from adaptive_dask.cluster.scheduler import LearnerHost, dask_setup
from adaptive_dask.errors import RunNotFoundError
from adaptive_dask.run.pickling import dumps

from ..patience import OPTIONS, TIMEOUT, until
from ..settings import change
from .functions import peak, slow_peak
from .gate import Gate


def learner(function=peak):
    return adaptive.Learner1D(function, bounds=(-1, 1))


def run_of(scheduler, runner):
    return scheduler.plugins["adaptive"].runs[runner.name]


MALFORMED = [
    {},
    {"run": 3},
    {"slots": "many"},
    {"slots": -1},
    {"places": -1},
    {"hung": "some"},
    {"log": 3},
    {"given_up": [3]},
    {"ids": [0]},
    {"ids": [0], "values": [1.0], "durations": []},
    {"ids": ["0"], "values": [1.0], "durations": [0.1]},
    {"ids": [0], "values": [1.0], "durations": ["long"]},
    {"ids": [0], "values": [1.0], "durations": [float("nan")]},
    {"ids": 5, "values": [1.0], "durations": [0.1]},
    {"failures": {0: "text"}},
    {"failures": {0: (1, 2)}},
    {"failures": [0]},
    {"returned": [None]},
    {"returned": 7},
    {"echo": (1,)},
    {"echo": ("a", "b")},
    {"broken": "what"},
    {"broken": (1, 2)},
    {"unknown": 1},
]


@gen_cluster(**OPTIONS)
async def test_malformed_reports_change_nothing(c, s, a, b):
    runner = adaptive.Runner(learner(slow_peak), npoints_goal=100, executor=c)
    await runner.refresh()
    run = run_of(s, runner)
    await until(lambda: run.learner.npoints > 5)
    for report in MALFORMED:
        for worker in (a, b):
            worker.batched_send({"op": REPORT, "run": run.id, **report})
    for report in MALFORMED[2:]:
        s.stream_handlers[REPORT](worker="tcp://127.0.0.1:1", **{"run": run.id, **report})
    s.stream_handlers[REPORT]()
    assert (await runner.result(TIMEOUT)).npoints == 100
    assert set(s.workers) == {a.address, b.address}
    assert run.feed.position == 100


@gen_cluster(**OPTIONS)
async def test_outcomes_that_are_doubled_late_or_foreign_are_told_once(c, s, a, b):
    runner = adaptive.Runner(learner(slow_peak), npoints_goal=100, executor=c)
    await runner.refresh()
    run = run_of(s, runner)
    report = s.stream_handlers[REPORT]

    def doubled(worker="", **fields):
        report(worker=worker, **fields)
        report(worker=worker, **fields)
        report(worker=b.address if worker == a.address else a.address, **{**fields, "slots": None})
        report(worker=worker, run=run.id, ids=[10**9], values=[1.0], durations=[0.0])

    s.stream_handlers[REPORT] = doubled
    learned = await runner.result(TIMEOUT)
    assert learned.npoints == run.feed.position == 100
    assert all(y == slow_peak(x, 0) for x, y in learned.data.items())


@gen_cluster(**OPTIONS)
async def test_messages_about_unknown_runs_are_harmless(c, s, a, b):
    await adaptive.Runner(learner(), npoints_goal=10, executor=c).result(TIMEOUT)
    for worker in (a, b):
        worker.batched_send({"op": REPORT, "run": "never", "slots": 2, "ids": [1], "values": [1.0], "durations": [0.0]})
        s.worker_send(
            worker.address, {"op": "adaptive-points", "run": "never", "ids": [1], "points": [0.5], "sent": 0.0}
        )
        s.worker_send(worker.address, {"op": "adaptive-stop", "run": "never"})
    assert (await adaptive.Runner(learner(), npoints_goal=50, executor=c).result(TIMEOUT)).npoints == 50
    assert set(s.workers) == {a.address, b.address}


def test_what_registers_the_host_loads_nothing_of_it_on_the_event_loop():
    script = (
        "import pickle, sys; pickle.load(sys.stdin.buffer); print([name for name in sys.modules if 'adaptive' in name])"
    )
    pickled = cloudpickle.dumps(_make_registration())
    done = subprocess.run(
        [sys.executable, "-c", script], input=pickled, capture_output=True, timeout=TIMEOUT, check=True
    )
    assert done.stdout.strip() == b"[]"


@gen_cluster(**OPTIONS)
async def test_a_reply_that_is_about_some_of_the_runs_only(c, s, a, b, monkeypatch):
    monkeypatch.setattr(scheduler_subscriptions, "MAX_RUNS_PER_REPLY", 1)
    runners = [adaptive.Runner(learner(), npoints_goal=100, executor=c) for _ in range(4)]
    for runner in runners:
        assert (await runner.result(TIMEOUT)).npoints == 100


@gen_cluster(**OPTIONS)
async def test_routes_answer_bad_requests_with_errors(c, s, a, b):
    await ensure_host(c)
    for route, arguments in [
        (Route.SNAPSHOT, {"name": "none"}),
        (Route.INSPECT, {"name": "none", "log_from": 0}),
        (Route.CALL, {"name": "none", "payload": b""}),
        (Route.TELL, {"name": "none", "points": b"", "values": b""}),
        (Route.CONTROL, {"name": "none", "action": "cancel"}),
    ]:
        with pytest.raises(RunNotFoundError, match="none"):
            await request(c, route, **arguments)
        with pytest.raises(TypeError):
            await request(c, route, odd=1)
    news = await request(c, Route.WATCH, watcher="me", runs=[(7, "none", 0, 0)], interval=0, timeout=0)
    assert news == {7: {"unknown": True}}
    await request(c, Route.NUDGE, watcher="nobody")
    for spec in (b"", b"not a pickle", dumps(17)):
        with pytest.raises(Exception):  # noqa: B017, PT011  whatever unpickling raises
            await request(c, Route.START, spec=spec)
    runner = adaptive.Runner(learner(slow_peak), executor=c)
    await runner.refresh()
    with pytest.raises(ValueError, match="dance"):
        await request(c, Route.CONTROL, name=runner.name, action="dance")
    with pytest.raises(Exception):  # noqa: B017, PT011  whatever unpickling raises
        await request(c, Route.CALL, name=runner.name, payload=b"not a pickle")
    with pytest.raises(Exception):  # noqa: B017, PT011  whatever unpickling raises
        await request(c, Route.TELL, name=runner.name, points=dumps([1.0]), values=dumps([]))
    assert await request(c, Route.FUNCTION, run="never") is None
    assert runner.status() == "running"
    runner.cancel()
    await runner.wait(TIMEOUT)


@gen_cluster(**OPTIONS)
async def test_the_host_is_registered_once(c, s, a, b):
    await asyncio.gather(*(ensure_host(c) for _ in range(5)))
    host = s.plugins["adaptive"]
    await dask_setup(s)
    await ensure_host(c)
    assert s.plugins["adaptive"] is host
    assert isinstance(host, LearnerHost)
    assert await adaptive.runs(c) == []


@gen_cluster(**OPTIONS)
async def test_without_a_host_there_are_no_runs(c, s, a, b):
    with pytest.raises(RunNotFoundError):
        await adaptive.attach("any", c)


@gen_cluster(**OPTIONS)
async def test_evaluators_are_as_many_as_make_a_cluster_grow(c, s, a, b):
    runner = adaptive.Runner(learner(slow_peak), executor=c)
    await until(lambda: len([key for key in s.tasks if str(key).startswith(KEY_PREFIX)]) == 7)  # 1.5 × 4 threads + 1
    assert s.task_prefixes[KEY_PREFIX].duration_average >= 5
    await until(lambda: run_of(s, runner).assignments.slots == 4)
    few = adaptive.Runner(learner(slow_peak), executor=c, ntasks=2)
    await few.refresh()
    await until(lambda: len([key for key in s.tasks if run_of(s, few).id in str(key)]) == 2)
    for each in (runner, few):
        each.cancel()
        await each.wait(TIMEOUT)
    await until(lambda: not s.tasks)


@gen_cluster(**OPTIONS)
async def test_a_last_point_that_is_lost_gets_an_evaluator(c, s, a, b):
    runner = adaptive.Runner(learner(slow_peak), npoints_goal=20, ntasks=1, executor=c)
    await runner.refresh()
    run = run_of(s, runner)
    for worker in (a, b):  # at any time, with a single point out, and all of its evaluators gone
        await until(lambda: run.assignments.in_flight)
        for future, _ in list(run.slots._evaluators._futures.values()):
            await future.cancel()
        await worker.close()
    async with Worker(s.address, nthreads=1):
        assert (await runner.result(TIMEOUT)).npoints == 20


@gen_cluster(**OPTIONS)
async def test_workers_that_evaluate_are_not_chosen_for_removal(c, s, a, b):
    runner = adaptive.Runner(learner(slow_peak), executor=c, ntasks=1)
    await runner.refresh()
    run = run_of(s, runner)
    await until(lambda: run.assignments.in_flight == 1)
    busy = next(worker for worker, load in run.assignments.loads.items() if load.ids)
    assert busy not in s.workers_to_close(n=2)
    runner.cancel()
    await runner.wait(TIMEOUT)


@gen_cluster(**OPTIONS)
async def test_a_learner_at_work_does_not_hold_the_event_loop(c, s, a, b):
    gate = Gate(lambda npoints: npoints > 10)
    square = gate.function
    runner = adaptive.Runner(learner(), goal=lambda known: square(known.npoints) > 20**2, executor=c)
    await until(lambda: gate.inside == 1)
    assert await c.submit(sum, [1, 2]) == 3
    assert [run["status"] for run in await request(c, Route.RUNS)] == ["running"]
    assert gate.inside == 1, "the goal is looked at all the time"
    gate.opened.set()
    assert (await runner.result(TIMEOUT)).npoints > 20
    assert gate.most == 1


@gen_cluster(**OPTIONS)
async def test_a_run_is_kept_open_against_an_idle_timeout(c, s, a, b):
    runner = adaptive.Runner(learner(slow_peak), executor=c)
    await runner.refresh()
    runner.pause()
    await until(lambda: not s.tasks)
    s.idle_since = 1.0  # long ago
    await until(lambda: s.idle_since is None)
    runner.cancel()
    await runner.wait(TIMEOUT)
    assert not s.plugins["adaptive"].resources.keep_open.is_running()


@contextlib.contextmanager
def leases_of(seconds):
    """All of the workers are in this process."""
    lease, scheduler_evaluators._lease = scheduler_evaluators._lease, lambda: seconds
    idle, worker_side.IDLE_TIMEOUT_S = worker_side.IDLE_TIMEOUT_S, seconds
    try:
        yield
    finally:
        scheduler_evaluators._lease, worker_side.IDLE_TIMEOUT_S = lease, idle


@gen_cluster(**OPTIONS)
async def test_leases_end_and_are_renewed(c, s, a, b):
    with leases_of(0.05):
        runner = adaptive.Runner(learner(slow_peak), npoints_goal=200, executor=c)
        assert (await runner.result(TIMEOUT)).npoints == 200
    await until(lambda: not s.tasks)  # that they are released is on its way


@gen_cluster(**OPTIONS)
async def test_a_worker_that_closes_does_not_wait_for_points(c, s, a, b):
    with leases_of(300):
        runner = adaptive.Runner(learner(), executor=c)
        await runner.refresh()
        await until(lambda: run_of(s, runner).learner.npoints > 10)
        runner.pause()  # evaluators wait for points now, and would do so for minutes
        await asyncio.wait_for(a.close(), TIMEOUT)
        runner.cancel()
        await runner.wait(TIMEOUT)


@gen_cluster(**OPTIONS)
async def test_nothing_is_left_when_a_run_has_ended(c, s, a, b):
    for _ in range(3):
        await adaptive.Runner(learner(), npoints_goal=50, executor=c).result(TIMEOUT)
    host = s.plugins["adaptive"]
    await until(lambda: host.resources.client is None and host.resources.threads is None)
    await until(lambda: not s.tasks and not [name for name in s.clients if "adaptive" in name])
    for worker in (a, b):
        await until(lambda worker=worker: not worker.plugins["adaptive-points"]._queues)
    assert not host.table.active
    assert len(host.runs) == 3
    assert all(run.fetch_function(a.address, None) is None for run in host.runs.values())
    assert sys.getswitchinterval() == pytest.approx(0.005)


@gen_cluster(**OPTIONS)
async def test_ended_runs_do_not_pile_up(c, s, a, b):
    with pytest.MonkeyPatch.context() as patch:
        change(patch, "scheduler.ended-runs", 2)
        change(patch, "scheduler.ended-points", 8)
        patch.setattr(scheduler_feed, "RESULTS_TIMEOUT_S", 0.0)
        for _ in range(6):
            await adaptive.Runner(learner(), npoints_goal=2, executor=c).result(TIMEOUT)
    assert len(s.plugins["adaptive"].runs) == 4


@gen_cluster(**OPTIONS)
async def test_large_runs_that_ended_do_not_pile_up(c, s, a, b):
    with pytest.MonkeyPatch.context() as patch:
        change(patch, "scheduler.ended-points", 1)
        change(patch, "scheduler.recent-points", 25)
        patch.setattr(scheduler_feed, "RESULTS_TIMEOUT_S", 0.0)
        for npoints in (10, 10, 10, 100):
            last = adaptive.Runner(learner(), npoints_goal=npoints, executor=c)
            await last.result(TIMEOUT)
            assert last.name in s.plugins["adaptive"].runs, "the newest stays, however large"
    assert list(s.plugins["adaptive"].runs) == [last.name]


@gen_cluster(**OPTIONS)
async def test_ended_runs_do_not_hold_large_functions(c, s, a, b):
    def large(number):
        more = bytes([number]) * 200_000
        return lambda x: x + len(more)

    with pytest.MonkeyPatch.context() as patch:
        change(patch, "scheduler.ended-runs", 2)
        change(patch, "scheduler.ended-functions", 900_000)
        patch.setattr(scheduler_feed, "RESULTS_TIMEOUT_S", 0.2)  # all are watched when they end
        await adaptive.run_many([learner(large(number)) for number in range(8)], npoints_goal=2, executor=c)
        runs = s.plugins["adaptive"].runs
        await until(lambda: len(runs) == 4)
        same = large(9)
        await adaptive.run_many([learner(same) for _ in range(8)], npoints_goal=2, executor=c)
        await until(lambda: s.plugins["adaptive"].table._forgetting is None)
        assert len(runs) >= 8, "they share one pickle"
    assert all(not run._function for run in runs.values())


@gen_cluster(**OPTIONS)
async def test_runs_that_end_together_are_all_seen_to_end(c, s, a, b):
    with pytest.MonkeyPatch.context() as patch:
        change(patch, "scheduler.ended-runs", 1)
        change(patch, "scheduler.ended-points", 0)
        runners = [adaptive.Runner(learner(), npoints_goal=2, executor=c) for _ in range(12)]
        for runner in runners:
            assert (await runner.result(TIMEOUT)).npoints == 2


KINDS = {
    "Learner1D": lambda: adaptive.Learner1D(peak, (-1, 1)),
    "Learner2D": lambda: adaptive.Learner2D(math.fsum, [(-1, 1), (-1, 1)]),
    "LearnerND": lambda: adaptive.LearnerND(math.fsum, [(-1, 1)] * 3),
    "AverageLearner": lambda: adaptive.AverageLearner(peak, atol=1e-9),
    "AverageLearner1D": lambda: adaptive.AverageLearner1D(operator.itemgetter(1), (-1, 1), min_samples=3),
    "IntegratorLearner": lambda: adaptive.IntegratorLearner(peak, (-1, 1), 1e-9),
    "SequenceLearner": lambda: adaptive.SequenceLearner(peak, range(50)),
    "BalancingLearner": lambda: adaptive.BalancingLearner([KINDS["Learner1D"](), KINDS["Learner1D"]()]),
    "DataSaver": lambda: adaptive.DataSaver(adaptive.Learner1D(lambda x: {"y": x}, (-1, 1)), itemgetter("y")),
}


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_all_of_a_run_that_is_forgotten_is_freed_at_once(kind):
    """Python collects garbage when it likes, which with gigabytes of data is late."""

    @gen_cluster(**OPTIONS)
    async def test(c, s, a, b):
        runner = adaptive.Runner(KINDS[kind](), npoints_goal=30, executor=c)
        await runner.result(TIMEOUT)
        run = s.plugins["adaptive"].runs[runner.name]
        hosted = run.learner
        learned = hosted.driver.session.learner
        gone = [weakref.ref(part) for part in (run, hosted, hosted.driver.session, learned)]
        del run, hosted, learned
        gc.collect()
        gc.disable()
        try:
            await runner.forget()
            await until(lambda: not [ref() for ref in gone if ref() is not None])
        finally:
            gc.enable()

    test()


@gen_cluster(**OPTIONS)
async def test_memory_of_forgotten_runs_is_given_back(c, s, a, b):
    trims = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scheduler_runs, "TRIM_DELAY_S", 0.05)
        patch.setattr(scheduler_runs.scheduler_memory, "trim", lambda: trims.append(threading.current_thread().name))
        for _ in range(3):
            runner = adaptive.Runner(learner(), npoints_goal=5, executor=c)
            await runner.result(TIMEOUT)
            await runner.forget()
        await until(lambda: trims)
        assert all(name.startswith("adaptive-learner") for name in trims)
        await until(lambda: s.plugins["adaptive"].resources.threads is None)
    scheduler_runs.scheduler_memory.trim()


@gen_cluster(**OPTIONS)
async def test_memory_that_a_long_run_needed_is_given_back_after_its_end(c, s, a, b):
    trims = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scheduler_runs, "TRIM_DELAY_S", 0.05)
        patch.setattr(scheduler_runs, "MIN_TRIMMED_POINTS", 20)
        patch.setattr(scheduler_feed, "RESULTS_TIMEOUT_S", 0.0)
        patch.setattr(scheduler_runs.scheduler_memory, "trim", lambda: trims.append(threading.current_thread().name))
        for npoints in (10, 20):
            assert not trims
            runner = adaptive.Runner(learner(), npoints_goal=npoints, executor=c)
            await runner.result(TIMEOUT)
        await until(lambda: trims)
        assert all(name.startswith("adaptive-learner") for name in trims)
        await until(lambda: s.plugins["adaptive"].resources.threads is None)


@pytest.mark.long
@gen_cluster(**OPTIONS)
async def test_dask_keeps_nothing_of_a_run(c, s, a, b):
    async def one_run():
        runner = adaptive.Runner(learner(), npoints_goal=20, executor=c)
        await runner.result(TIMEOUT)
        await runner.forget()
        await until(lambda: s.plugins["adaptive"].resources.client is None)
        await until(lambda: not [name for name in s.clients if "adaptive" in name])
        await until(lambda: not s.task_groups)

    def kept():
        spans = s.extensions["spans"]
        digests = sum(len(worker.digests_total) for worker in (a, b))
        return len(spans.spans), len(spans.root_spans), set(s.get_events()), digests

    await one_run()
    await one_run()
    await until(lambda: not [topic for topic in s.get_events() if "adaptive" in topic])
    spans, roots, topics, digests = kept()
    more = []
    for _ in range(5):
        await one_run()
        more.append(kept()[3] - digests)
        digests += more[-1]
    await until(lambda: not [topic for topic in s._broker._topics if "adaptive" in topic])
    assert kept()[:3] == (spans, roots, topics)
    assert min(more) == 0  # at times, kinds of work that had not come up before
    (span,) = s.extensions["spans"].find_by_tags("adaptive")
    await one_run()
    assert len(span.groups) <= 8
    assert not [topic for topic in s._broker._topics if "adaptive" in topic and "host" not in topic]


@gen_cluster(**OPTIONS)
async def test_points_and_results_are_not_kept_in_the_logs_of_messages(c, s, a, b):
    runner = adaptive.Runner(
        adaptive.SequenceLearner(lambda i: bytes([i % 256]) * 200_000, range(150)), executor=c, workers=[a.address]
    )
    await runner.result(TIMEOUT)
    await until(lambda: not a.plugins["adaptive-points"]._queues)
    assert len(pickle.dumps(list(a.batched_stream.recent_message_log))) < 200_000
    sent = str(list(s.stream_comms[a.address].recent_message_log))
    assert sent.count("adaptive-points") < 10


@gen_cluster(**OPTIONS)
async def test_a_scheduler_that_closes_waits_for_all_runs_together(c, s, a, b):
    await ensure_host(c)
    runners = [adaptive.Runner(learner(), executor=c, name=str(number)) for number in range(4)]
    host = s.plugins["adaptive"]
    await until(lambda: len(host.table.active) == 4)
    waiting, all_wait = [], asyncio.Event()
    original = scheduler_run.HostedRun.wait

    async def wait(self, timeout):
        waiting.append(self.name)
        if len(waiting) == 4:
            all_wait.set()
        await asyncio.wait_for(all_wait.wait(), TIMEOUT)
        await original(self, timeout)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scheduler_run.HostedRun, "wait", wait)
        await host.before_close()
    assert sorted(waiting) == ["0", "1", "2", "3"]
    await until(lambda: all(runner.status() == "cancelled" for runner in runners))


@gen_cluster(**OPTIONS)
async def test_a_scheduler_that_closes_waits_for_the_client_of_an_idle_host(c, s, a, b):
    runner = adaptive.Runner(learner(), executor=c, npoints_goal=5)
    await until(lambda: "adaptive" in s.plugins and s.plugins["adaptive"].resources.client is not None)
    host = s.plugins["adaptive"]
    client = host.resources.client
    with host.resources.in_use():  # not idle yet
        await runner.result(TIMEOUT)
        await until(lambda: not host.table.active)
    await asyncio.sleep(0)  # it begins to close its client
    await host.before_close()
    assert client.status == "closed"


@pytest.mark.parametrize("is_own_process", [True, False])
def test_only_a_process_of_a_scheduler_excludes_modules_from_garbage_collections(monkeypatch, is_own_process):
    frozen = []
    monkeypatch.setattr(gc, "freeze", lambda: frozen.append(True))
    monkeypatch.delitem(sys.modules, "distributed.cli.dask_scheduler", raising=False)
    if is_own_process:
        monkeypatch.setitem(sys.modules, "distributed.cli.dask_scheduler", None)
    scheduler_memory.freeze()
    assert bool(frozen) == is_own_process
