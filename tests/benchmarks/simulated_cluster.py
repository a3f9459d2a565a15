"""A cluster that no single machine can show: the real scheduler, host and protocol with simulated workers.

    python -m tests.benchmarks simulated_cluster [--quick]

Scheduler, host, its client, the learner with its threads, and the messages with their packing are real. Workers and
network are simulated in the same process and in virtual time, to which the processor time of the real parts is added.
Not included are the system calls of sockets, heartbeats of workers, and the dashboard.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import heapq
import logging
import random
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.benchmarks.reporting import Row

if TYPE_CHECKING:
    from tests.benchmarks.simulated_workers import Workload
    from tests.benchmarks.virtual_time import World

THREADS = 25  # of a worker, in clusters that are not specified further

# Dask's settings: what has a thread of its own, and what needs heartbeats, is switched off.
SETTINGS = {
    "distributed.scheduler.worker-ttl": None,
    "distributed.scheduler.active-memory-manager.start": False,
    "distributed.worker.profile.enabled": False,
    "distributed.admin.system-monitor.gil.enabled": False,
    "logging": {"distributed": "critical"},
}


@dataclass
class Result:
    """What a simulation has shown.

    Attributes
    ----------
    busy : float
        Function seconds / (slots × virtual seconds from the start of the runs to their end).
    host, steady, learner : float
        Processor time in microseconds per point: of the scheduler without the learner; the same between 40 % and 90 %
        of the points; of the learner.
    tasks, messages, steps : int
        Evaluator tasks, messages in both directions, and calls in threads, mostly of learners.
    deaths, evaluated, told : int
        Workers that died, evaluations, and points that the learners know.
    statuses : set of str
        How the runs ended.
    longest, garbage : float
        The largest number of seconds that the event loop computed without a look at its sockets, garbage collections
        not included; and the longest of these.
    """

    busy: float
    host: float
    steady: float
    learner: float
    tasks: int
    messages: int
    steps: int
    deaths: int
    evaluated: int
    told: int
    statuses: set[str]
    longest: float
    garbage: float

    @property
    def turn(self) -> str:
        """A note."""
        return f"longest turn {1e3 * self.longest:.0f} ms, garbage collection {1e3 * self.garbage:.0f} ms"


@dataclass(frozen=True)
class Scenario:
    """A cluster with runs.

    Attributes
    ----------
    slots, threads : int
        Of the cluster and of each worker.
    npoints : int
        In each run.
    workload : Workload
    runs : int
    options : dict
        Further arguments of a `Runner`.
    learner : callable, optional
        Makes a learner; by default, it is one that costs next to nothing.
    seed : int
    """

    slots: int
    threads: int
    npoints: int
    workload: Workload
    runs: int = 1
    options: dict[str, Any] = field(default_factory=dict)
    learner: Callable[[], Any] | None = None
    seed: int = 0


def attainable(scenario: Scenario) -> float:
    """Return the busy share of one run without any delay or cost.

    Points begin in their order, each as soon as a slot is free. In an ordered run, a point is asked for when the
    learner knows all results but those of the last ``ntasks - 1`` points before it.
    """
    window = scenario.options["ntasks"] if scenario.options.get("ordered") else scenario.npoints
    free = [0.0] * scenario.slots
    known = [0.0] * scenario.npoints  # when all results up to a point are known
    total = 0.0
    for pid in range(scenario.npoints):
        seconds = scenario.workload.seconds(pid)
        begin = max(heapq.heappop(free), known[pid - window] if pid >= window else 0.0)
        heapq.heappush(free, begin + seconds)
        known[pid] = max(begin + seconds, known[pid - 1])
        total += seconds
    return total / (scenario.slots * known[-1])


def simulate(scenario: Scenario, world: World) -> Result:
    """Simulate runs from their start to their end; `world` is that of `install`, which was called before."""
    import dask

    from tests.benchmarks.virtual_time import VirtualLoop

    random.seed(scenario.seed)  # of leases
    world.calls = 0
    loop = VirtualLoop(world)
    asyncio.set_event_loop(loop)
    # Dask's lock on a shared folder would wait for ever, as its clock stands still.
    with tempfile.TemporaryDirectory() as folder, dask.config.set(SETTINGS | {"temporary-directory": folder}):
        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        with _counted_threads(loop):
            try:
                return loop.run_until_complete(_simulate(scenario, world))
            finally:
                gc.unfreeze()
                world.forget()
                loop.close()


async def _simulate(scenario: Scenario, world: World) -> Result:
    from distributed import Scheduler

    from adaptive_dask.cluster.scheduler import LearnerHost
    from tests.benchmarks.simulated_workers import SimulatedCluster

    async with Scheduler(protocol="inproc", host="", dashboard=False, dashboard_address="127.0.0.1:0") as scheduler:
        host = LearnerHost()
        await scheduler.register_scheduler_plugin(host, idempotent=True)
        cluster = SimulatedCluster(scheduler, world, scenario.workload, scenario.seed)
        for first in range(0, scenario.slots, scenario.threads):
            cluster.add_worker(min(scenario.threads, scenario.slots - first))
        while scheduler.total_nthreads < scenario.slots:
            await asyncio.sleep(0.01)
        gc.collect()
        gc.freeze()  # modules and what simulates; as in a process that was started as ``dask scheduler``
        meter = Meter(cluster, scenario)
        meter.runs += [host.table.by_id[run] for run in await _start(scheduler, scenario)]
        for run in meter.runs:
            await run.wait(1e9)
        result = meter.result()
        await cluster.close()
        return result


class Meter:
    """Measures a simulation from now on."""

    def __init__(self, cluster: Any, scenario: Scenario) -> None:
        self.runs: list[Any] = []
        self._cluster = cluster
        self._scenario = scenario
        self._marks: list[tuple[int, float, float]] = []
        expected = scenario.npoints * scenario.runs
        cluster.on_evaluated = {int(share * expected): self._mark for share in (0.4, 0.9)}
        self._begin = cluster.world.now
        cluster.world.begin_turn()
        self._mark()

    def _mark(self) -> None:
        learner = sum(run.learner.cpu_seconds for run in self.runs)
        self._marks.append((self._cluster.evaluated, self._cluster.world.host_seconds, learner))

    def result(self) -> Result:
        self._mark()
        cluster, scenario = self._cluster, self._scenario
        statuses = {run.status for run in self.runs}
        if len(self._marks) != 4:
            errors = {str(run.error) for run in self.runs if run.error is not None}
            raise RuntimeError(f"The simulated runs ended early: {statuses}, {errors}")
        first, begin, end, last = self._marks
        told = sum(run.learner.npoints for run in self.runs)
        return Result(
            busy=cluster.function_seconds / (scenario.slots * (cluster.world.now - self._begin)),
            host=_microseconds(first, last),
            steady=_microseconds(begin, end),
            learner=1e6 * (last[2] - first[2]) / told,
            tasks=cluster.tasks,
            messages=cluster.messages,
            steps=cluster.world.calls,
            deaths=cluster.deaths,
            evaluated=cluster.evaluated,
            told=told,
            statuses=statuses,
            longest=cluster.world.longest,
            garbage=cluster.world.garbage,
        )


def _microseconds(begin: tuple[int, float, float], end: tuple[int, float, float]) -> float:
    points, host, learner = (now - then for now, then in zip(end, begin, strict=True))
    return 1e6 * (host - learner) / points


async def _start(scheduler: Any, scenario: Scenario) -> list[str]:
    """Start the runs; return their ids."""
    import cloudpickle

    from adaptive_dask.cluster.protocol import Evaluation, Route, RunSpec, own_versions
    from adaptive_dask.learner.function_pickle import dumps_apart
    from adaptive_dask.run.goals import Goal
    from adaptive_dask.run.options import SessionOptions
    from adaptive_dask.run.pickling import dumps

    ntasks = scenario.options.get("ntasks")
    ordered = ntasks if scenario.options.get("ordered") else None
    specs = []
    for number in range(scenario.runs):
        learner, functions = dumps_apart((scenario.learner or CheapLearner)())
        specs.append(
            RunSpec(
                name=f"run-{number}",
                learner=learner,
                functions=functions,
                function=cloudpickle.dumps(abs),
                goal=cloudpickle.dumps(Goal(npoints=scenario.npoints)),
                weight=1.0,
                drain=0.0,
                on_error="skip",  # a long point may lose all of its workers
                evaluation=Evaluation(ntasks=ntasks),
                session=SessionOptions(retries=10, ordered=ordered),
            )
        )
    for first in range(0, len(specs), 50):
        some = specs[first : first + 50]
        reply = await scheduler.handlers[Route.START_MANY](specs=dumps(some), versions=own_versions())
        assert reply == {"ok": [None] * len(some)}, reply
    return [spec.id for spec in specs]


class CheapLearner:
    """Proposes the next number."""

    function = abs

    def __init__(self) -> None:
        self.npoints = self._asked = 0

    def ask(self, n: int, tell_pending: bool = True) -> tuple[list[float], list[float]]:
        first, self._asked = self._asked, self._asked + n
        return [float(x) for x in range(first, first + n)], [1.0] * n

    def tell(self, x: float, y: float) -> None:
        self.npoints += 1

    def tell_many(self, xs: list[float], ys: list[float]) -> None:
        self.npoints += len(xs)

    def loss(self, real: bool = True) -> float:
        return 1 / (1 + self.npoints)


@contextlib.contextmanager
def _counted_threads(loop: Any) -> Iterator[None]:
    """Let no time pass while learners work."""
    from adaptive_dask.cluster.scheduler_threads import CallThreads

    begin = CallThreads.begin
    CallThreads.begin = lambda self, *args, **kwargs: loop.count(begin(self, *args, **kwargs))
    try:
        yield
    finally:
        CallThreads.begin = begin


def rows(quick: bool) -> Iterator[Row]:
    """The figures of the report."""
    from tests.benchmarks import virtual_time

    world = virtual_time.install(charges=True)  # before Dask is imported

    import adaptive_dask
    from tests.benchmarks.simulated_workers import Workload

    def learner() -> Any:
        return adaptive_dask.Learner1D(abs, (-1, 1))

    fast = Workload(median=100e-6)
    sizes = {100: 20_000, 1_000: 50_000} if quick else {100: 200_000, 1_000: 300_000, 10_000: 400_000}
    first: float | None = None
    for slots, npoints in sizes.items():
        found = simulate(Scenario(slots, THREADS, npoints, fast), world)
        note = f"{found.turn}; {found.messages / found.told:.3f} messages per point"
        yield Row(f"{slots:,} slots, 0.1 ms: host, µs per point", found.steady, 7, at_most=True, note=note)
        if first is not None:
            yield Row(f"{slots:,} slots: growth over 100", found.steady / first, 1.3, at_most=True)
        first = first or found.steady
    found = simulate(Scenario(100, THREADS, 400 if quick else 2_000, Workload(0.01), runs=100), world)
    note = f"busy {found.busy:.3f}; {found.turn}"
    yield Row("100 slots, 100 runs, 10 ms: host, µs per point", found.steady, note=note)
    storm = Workload(0.05, sigma=1.0, failing=0.01, death_interval=1.0)
    found = simulate(Scenario(200, THREADS, 2_000 if quick else 10_000, storm), world)
    note = f"{found.deaths} workers died, 1 % of the evaluations failed, {found.evaluated:,} evaluations"
    yield Row("200 slots, 50 ms with σ = 1, a death every second: busy", found.busy, note=note)
    for name, slots, threads, npoints, workload, options, needed in _busy_rows():
        scenario = Scenario(slots, threads, npoints, workload, options=options, learner=learner)
        found = simulate(scenario, world)
        note = (
            f"without any cost {attainable(scenario):.3f}; host {found.host:.0f}, learner {found.learner:.0f} µs/point"
        )
        yield Row(f"{name}: busy", found.busy, needed, note=note)


def _busy_rows() -> Iterator[tuple[str, int, int, int, Workload, dict[str, Any], float]]:
    from tests.benchmarks.simulated_workers import Workload

    yield "1 ms, 2 × 4, 8,000 points", 8, 4, 8_000, Workload(0.001), {}, 0.8
    # A multiple of all numbers of slots: with 12,000 points, the last round of 512 slots would be less than half full.
    yield "10 ms, 2 × 8, 12,288 points", 16, 8, 12_288, Workload(0.01), {}, 0.95
    yield "100 ms, 2 × 64, 12,288 points", 128, 64, 12_288, Workload(0.1), {}, 0.97
    yield "1 s, 2 × 256, 12,288 points", 512, 256, 12_288, Workload(1.0), {}, 0.97
    heavy = Workload(0.02, sigma=1.5)
    yield "20 ms with σ = 1.5, 2 × 16, 6,000 points", 32, 16, 6_000, heavy, {}, 0.93
    for ntasks in (32, 128):
        options = {"ntasks": ntasks, "ordered": True}
        yield f"the same, ordered, ntasks={ntasks}", 32, 16, 6_000, heavy, options, 0.6
