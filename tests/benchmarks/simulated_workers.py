"""Workers that are simulated in the process of a real scheduler: they send what real ones send, and evaluate nothing.

A worker has threads for evaluator tasks, one queue of points for each run, and a connection on which messages are
packed and unpacked as they are for a socket. The durations of evaluations, the delays of the network, failures and
deaths are random, from a seed.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from distributed.comm import Comm, CommClosedError
from distributed.protocol import dumps, loads
from distributed.versions import get_versions

from adaptive_dask.cluster.protocol import DROP, POINTS, STOP, Route, own_versions
from adaptive_dask.cluster.worker_outbox import MAX_RESULT_DELAY_S, Outbox, ResultBatching, report
from adaptive_dask.cluster.worker_waiting import IDLE_TIMEOUT_S
from tests.benchmarks.virtual_time import World

STREAM_INTERVAL_S = 0.002  # between two messages of a worker, as in Dask

# What Dask has to know of a worker.
METRICS = {
    "bandwidth": {"total": 1e8, "workers": {}, "types": {}},
    "digests_total_since_heartbeat": {},
    "memory": 1e8,
    "spilled_bytes": {"memory": 0, "disk": 0},
}


@dataclass(frozen=True)
class Workload:
    """What evaluations take, and what goes wrong.

    Attributes
    ----------
    median : float
        Of the duration of an evaluation, in seconds.
    sigma : float
        Of its logarithm.
    overhead : float
        What a worker's thread needs between two evaluations, in seconds.
    latency, jitter : float
        The delay of a message, and the mean of its random part, in seconds.
    failing : float
        The share of the evaluations that raise an error.
    death_interval : float
        The mean time between deaths of workers in the whole cluster, in seconds. Others join after a second.
    """

    median: float
    sigma: float = 0.0
    overhead: float = 30e-6
    latency: float = 200e-6
    jitter: float = 50e-6
    failing: float = 0.0
    death_interval: float = math.inf

    def seconds(self, pid: int) -> float:
        """The duration of an evaluation, which depends on the point alone."""
        if not self.sigma:
            return self.median
        return self.median * math.exp(self.sigma * random.Random(pid).gauss(0, 1))


class SimulatedComm(Comm):
    """The scheduler's end of the connection to a worker.

    Parameters
    ----------
    worker : SimulatedWorker
    """

    def __init__(self, worker: SimulatedWorker) -> None:
        super().__init__(deserialize=False)
        self._worker = worker
        self._arrived: asyncio.Queue[Any] = asyncio.Queue()
        self._is_closed = False

    local_address = "tcp://127.0.0.1:1"

    @property
    def peer_address(self) -> str:
        return self._worker.address

    async def read(self, deserializers: Any = None) -> Any:
        frames = await self._arrived.get()
        if frames is None:
            raise CommClosedError("the worker has died")
        return loads(frames, deserialize=False)

    async def write(self, msg: Any, serializers: Any = None, on_error: Any = None) -> int:
        if self._is_closed:
            raise CommClosedError("the worker has died")
        frames = dumps(msg)
        self._worker.cluster.messages += 1
        self._worker.deliver_to_worker(self._worker.world.now, frames)
        return sum(map(len, frames))

    def arrive(self, frames: Any) -> None:
        """A message arrives, or the end of the connection."""
        self._arrived.put_nowait(frames)
        self._worker.world.is_noticed = True

    async def close(self) -> None:
        self.abort()

    def abort(self) -> None:
        self._is_closed = True

    def closed(self) -> bool:
        return self._is_closed


class SimulatedCluster:
    """Workers of a scheduler, and what they did.

    Parameters
    ----------
    scheduler : Scheduler
        With a `LearnerHost`.
    world : World
    workload : Workload
    seed : int

    Attributes
    ----------
    function_seconds : float
        The time of all evaluations.
    evaluated, tasks, messages, deaths : int
        Evaluations, evaluator tasks that were started, messages in both directions, and workers that died.
    on_evaluated : dict of int to callable
        To be called after these numbers of evaluations.
    """

    def __init__(self, scheduler: Any, world: World, workload: Workload, seed: int = 0) -> None:
        self.scheduler = scheduler
        self.world = world
        self.workload = workload
        self.random = random.Random(seed)
        self.function_seconds = 0.0
        self.evaluated = self.tasks = self.messages = self.deaths = 0
        self.on_evaluated: dict[int, Callable[[], None]] = {}
        self._numbers = itertools.count()
        self._workers: list[SimulatedWorker] = []
        self._connections: set[asyncio.Future[Any]] = set()
        if workload.death_interval < math.inf:
            self._plan_death()

    def add_worker(self, threads: int) -> None:
        """A worker joins."""
        number = next(self._numbers)
        worker = SimulatedWorker(self, f"tcp://10.{number >> 16}.{number >> 8 & 255}.{number & 255}:1", threads)
        self._workers.append(worker)
        joining = asyncio.ensure_future(
            self.scheduler.add_worker(
                worker.comm,
                address=worker.address,
                status="running",
                server_id=worker.address,
                nthreads=threads,
                name=worker.address,
                resolve_address=False,
                now=self.world.now,
                resources={},
                memory_limit=2**36,
                metrics=METRICS,
                services={},
                local_directory="",
                versions=get_versions(),
                nanny="",
                extra={},
                stimulus_id="join",
            )
        )
        self._connections.add(joining)
        joining.add_done_callback(self._connections.discard)

    def delay(self) -> float:
        """The delay of a message in seconds."""
        jitter = self.workload.jitter
        return self.workload.latency + (self.random.expovariate(1 / jitter) if jitter else 0.0)

    async def close(self) -> None:
        """All workers leave."""
        for worker in self._workers:
            worker.die()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def note_evaluation(self, seconds: float) -> None:
        self.evaluated += 1
        self.function_seconds += seconds
        if self.evaluated in self.on_evaluated:
            self.on_evaluated[self.evaluated]()

    def fetch_function(self, worker: SimulatedWorker, run: str, then: Callable[[], None]) -> None:
        """A worker's request arrives; the host answers it."""

        async def answer() -> None:
            handler = self.scheduler.handlers[Route.FUNCTION]
            await handler(versions=own_versions(), run=run, worker=worker.address, lifetime=None)
            self.world.at(self.world.now + self.delay(), then)

        task = asyncio.ensure_future(answer())
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        self.world.is_noticed = True

    def _plan_death(self) -> None:
        self.world.at(self.world.now + self.random.expovariate(1 / self.workload.death_interval), self._kill_one)

    def _kill_one(self) -> None:
        self._plan_death()
        worker = self._workers.pop(self.random.randrange(len(self._workers)))
        worker.die()
        self.deaths += 1
        self.world.at(self.world.event_time + 1.0, self._replace, worker.threads)

    def _replace(self, threads: int) -> None:
        self.add_worker(threads)
        self.world.is_noticed = True


@dataclass(eq=False)
class SimulatedEvaluator:
    """An evaluator task.

    Attributes
    ----------
    task : dict
        The message that started it.
    end : float
        The end of its lease.
    idle_since : float or None
        None while it evaluates.
    """

    task: dict[str, Any]
    end: float
    idle_since: float | None = None


@dataclass(eq=False)
class SimulatedPoints:
    """The points of a run on a worker; as `PointQueue`, without threads."""

    worker: SimulatedWorker
    run: str
    outbox: Outbox = field(default_factory=Outbox)
    batching: ResultBatching = field(default_factory=ResultBatching)
    waiting: deque[int | None] = field(default_factory=deque)  # None sends an evaluator away
    packed: dict[int, Any] = field(default_factory=dict)
    evaluators: dict[SimulatedEvaluator, None] = field(default_factory=dict)
    idle: dict[SimulatedEvaluator, None] = field(default_factory=dict)
    echo: tuple[float, float] | None = None
    has_function: bool | None = None
    is_stopped: bool = False
    is_due: bool = False

    @property
    def now(self) -> float:
        return self.worker.world.event_time

    def join(self, evaluator: SimulatedEvaluator) -> None:
        self.evaluators[evaluator] = None
        self._rest(evaluator)
        if self.has_function is None:
            self.has_function = False
            cluster = self.worker.cluster
            self.worker.at(cluster.delay(), cluster.fetch_function, self.worker, self.run, self._load)
        elif self.has_function:
            self.send_soon()
            self._go_on()

    def put(self, ids: list[int], points: list[Any], sent: float, enough: int | None) -> None:
        self.echo = self.echo or (sent, self.now)
        self.batching.note_points(enough)
        if not self.evaluators or self.is_stopped:
            self.outbox.returned += ids
            self.send_soon()
            return
        self.packed.update(zip(ids, points, strict=True))
        self.waiting.extend(ids)
        self._go_on()

    def drop(self, ids: list[int]) -> None:
        for pid in ids:
            self.packed.pop(pid, None)

    def stop(self, keep: int | None) -> None:
        if keep is None:
            self.is_stopped = True
            self.waiting.clear()
        self.waiting.extend([None] * (len(self.evaluators) - self.waiting.count(None) - (keep or 0)))
        self._go_on()

    def send_soon(self) -> None:
        if not self.is_due:
            self.is_due = True
            self.worker.at(0.0, self._send)

    # ---- inside

    def _load(self) -> None:
        self.has_function = True
        self.send_soon()
        self._go_on()

    def _rest(self, evaluator: SimulatedEvaluator) -> None:
        evaluator.idle_since = self.now
        self.idle[evaluator] = None
        self.worker.at(min(IDLE_TIMEOUT_S, max(evaluator.end - self.now, 0.001)), self._wake, evaluator, self.now)

    def _wake(self, evaluator: SimulatedEvaluator, since: float) -> None:
        if evaluator.idle_since == since and evaluator in self.evaluators:
            self._leave(evaluator)

    def _go_on(self) -> None:
        """Evaluators that are idle take points."""
        while self.has_function and self.waiting and self.idle:
            pid = self.waiting.popleft()
            if pid is not None and pid not in self.packed:
                continue  # dropped
            evaluator = next(iter(self.idle))
            del self.idle[evaluator]
            evaluator.idle_since = None
            if pid is None:
                self._leave(evaluator)
                continue
            seconds = self.worker.cluster.workload.seconds(pid)
            self.worker.at(seconds + self.worker.cluster.workload.overhead, self._finish, evaluator, pid, seconds)

    def _finish(self, evaluator: SimulatedEvaluator, pid: int, seconds: float) -> None:
        cluster = self.worker.cluster
        packed = self.packed.pop(pid, None)
        if packed is not None:
            cluster.note_evaluation(seconds)
            if cluster.workload.failing and cluster.random.random() < cluster.workload.failing:
                self.outbox.failures[pid] = ("Traceback", None)
                self.outbox.seconds_of_failures += seconds
                self.send_soon()
            else:
                self.outbox.ids.append(pid)
                self.outbox.values.append(packed)
                self.outbox.durations.append(seconds)
                self._send_result()
        if self.now >= evaluator.end:
            self._leave(evaluator)
        else:
            self._rest(evaluator) if not self.waiting else self.idle.setdefault(evaluator)
            self._go_on()

    def _leave(self, evaluator: SimulatedEvaluator) -> None:
        self.idle.pop(evaluator, None)
        del self.evaluators[evaluator]
        if not self.evaluators:
            self.outbox.returned += [pid for pid in self.waiting if pid is not None]
            self.waiting.clear()
            self.packed.clear()
            self.has_function = None
        self.send_soon()
        self.worker.at(0.0, self.worker.finish_task, evaluator)

    def _send_result(self) -> None:
        if not self.batching.can_wait(len(self.waiting)):
            self.send_soon()
        elif self.batching.begin(self.now):
            self.worker.at(MAX_RESULT_DELAY_S, self._ring)

    def _ring(self) -> None:
        left = self.batching.ring(self.now)
        if left:
            self.worker.at(left, self._ring)
        elif left is not None:
            self.send_soon()

    def _send(self) -> None:
        self.is_due = False
        self.batching.end()
        outbox, self.outbox = self.outbox, Outbox()
        number = len(self.evaluators) if self.has_function else 0
        contents = {**outbox.fields(), "slots": number, "places": number, "hung": 0}
        if self.echo:
            contents["echo"] = self.echo[0], self.now - self.echo[1]
            self.echo = None
        self.worker.send(report(self.run, **contents))


class SimulatedWorker:
    """A worker."""

    def __init__(self, cluster: SimulatedCluster, address: str, threads: int) -> None:
        self.cluster = cluster
        self.world = cluster.world
        self.address = address
        self.threads = threads
        self.comm = SimulatedComm(self)
        self._is_dead = False
        self._ready: list[tuple[Any, int, dict[str, Any]]] = []
        self._numbers = itertools.count()
        self._running: dict[str, SimulatedEvaluator] = {}
        self._points: dict[str, SimulatedPoints] = {}
        self._outgoing: list[Any] = []
        self._next_send = self._last_arrival_here = self._last_arrival_there = 0.0

    def at(self, seconds: float, call: Callable[..., None], *args: Any) -> None:
        """Call a function after some time, unless the worker has died by then."""
        self.world.at(self.world.event_time + seconds, self._call, call, args)

    def die(self) -> None:
        self._is_dead = True
        self.world.at(self.world.event_time + self.cluster.delay(), self.comm.arrive, None)

    def deliver_to_worker(self, now: float, frames: Any) -> None:
        """A message of the scheduler is on its way; messages arrive in order."""
        self._last_arrival_here = max(self._last_arrival_here, now + self.cluster.delay())
        self.world.at(self._last_arrival_here, self._call, self._receive, (frames,))

    def send(self, message: dict[str, Any]) -> None:
        """Send a message together with those of the next moments, as `BatchedSend`."""
        self._outgoing.append(message)
        if len(self._outgoing) == 1:
            self.at(max(0.0, self._next_send - self.world.event_time), self._flush)

    def finish_task(self, evaluator: SimulatedEvaluator) -> None:
        """Tell Dask that a task has ended, and start another one."""
        task = evaluator.task
        now = self.world.event_time
        del self._running[task["key"]]
        self.send(
            {
                "op": "task-finished",
                "status": "OK",
                "key": task["key"],
                "run_id": task["run_id"],
                "nbytes": 16,
                "type": b"",
                "typename": "NoneType",
                "metadata": {},
                "thread": 1,
                "startstops": [{"action": "compute", "start": now - 1.0, "stop": now}],
                "stimulus_id": f"task-finished-{now}",
            }
        )
        self._start_tasks()

    # ---- inside

    def _call(self, call: Callable[..., None], args: tuple[Any, ...]) -> None:
        if not self._is_dead:
            call(*args)

    def _flush(self) -> None:
        messages, self._outgoing = self._outgoing, []
        self._next_send = self.world.event_time + STREAM_INTERVAL_S
        self.cluster.messages += 1
        self._last_arrival_there = max(self._last_arrival_there, self.world.event_time + self.cluster.delay())
        self.world.at(self._last_arrival_there, self._call, self.comm.arrive, (dumps(messages),))

    def _receive(self, frames: Any) -> None:
        messages = loads(frames)
        for message in messages if isinstance(messages, list | tuple) else [messages]:
            op = message.get("op")
            if op == "compute-task":
                heapq.heappush(self._ready, (tuple(message["priority"]), next(self._numbers), message))
            elif op == "free-keys":
                self._forget(set(message["keys"]))
            elif op == "steal-request":
                self._give_up_task(message)
            elif op in (POINTS, STOP, DROP):
                self._receive_points(**message)
        self._start_tasks()

    def _receive_points(self, op: str, *, run: str, **message: Any) -> None:
        points = self._points.get(run)
        if points is None:
            if op == POINTS:
                self.send(report(run, returned=list(message["ids"]), slots=0))
        elif op == POINTS:
            points.put(list(message["ids"]), message["points"], message["sent"], message.get("enough"))
        elif op == STOP:
            points.stop(message.get("keep"))
        else:
            points.drop(message["ids"])

    def _give_up_task(self, message: dict[str, Any]) -> None:
        is_ready = any(task["key"] == message["key"] for _, _, task in self._ready)
        self._forget({message["key"]})
        state = "ready" if is_ready else "executing"
        self.send({**message, "op": "steal-response", "state": state})

    def _forget(self, keys: set[str]) -> None:
        self._ready = [entry for entry in self._ready if entry[2]["key"] not in keys]
        heapq.heapify(self._ready)

    def _start_tasks(self) -> None:
        while self._ready and len(self._running) < self.threads:
            _, _, task = heapq.heappop(self._ready)
            run, lease = _arguments(task)
            evaluator = SimulatedEvaluator(task, self.world.event_time + lease)
            self._running[task["key"]] = evaluator
            self.cluster.tasks += 1
            points = self._points.get(run)
            if points is None or not points.evaluators:
                points = self._points[run] = SimulatedPoints(self, run)
            points.join(evaluator)


def _arguments(task: dict[str, Any]) -> tuple[str, float]:
    """The run and the lease of an evaluator task."""
    run, lease = task["run_spec"].args
    return run, lease
