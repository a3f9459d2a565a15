"""For how long the scheduler's event loop is held, while anybody sends it anything.

Run it with ``python -m tests.benchmarks.fuzz_event_loop``. The scheduler is a process of its own. While a run goes on,
workers send malformed reports and a client malformed requests, small and large. A turn of the event loop ends when the
loop is ready to listen again; the stack of its thread is noted for each that takes long.

On a busy machine a turn takes longer for the others; so the second column counts only what the loop's thread computed.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import cloudpickle
from dask.distributed import Client

import adaptive_dask
from adaptive_dask.cluster.protocol import REPORT, Evaluation, Route, RunSpec, own_versions
from adaptive_dask.run.options import SessionOptions
from adaptive_dask.run.pickling import dumps
from tests.benchmarks.reporting import print_row
from tests.cluster import functions, malformed, neighbours
from tests.cluster.chaos import scheduler

ALLOWED = 0.05  # seconds
NOTED = 0.03

MANY = (1_000, 10_000)
LARGE = (10**5, 10**7)  # bytes


def watch(noted: float, dask_scheduler: Any = None) -> None:
    """Begin to measure the turns of the event loop."""
    import asyncio
    import gc
    import sys
    import threading
    import traceback

    selector = asyncio.get_running_loop()._selector
    thread = threading.get_ident()
    select = selector.select
    state = {
        "since": time.perf_counter(),
        "cpu": time.thread_time(),
        "listens": False,
    }
    turns: list[tuple[float, float]] = []
    stacks: dict[float, str] = {}
    pauses: list[float] = []

    def measured(timeout: Any = None) -> Any:
        now, cpu = time.perf_counter(), time.thread_time()
        turns.append((now - state["since"], cpu - state["cpu"]))
        state["listens"] = True
        try:
            return select(timeout)
        finally:
            state["since"], state["cpu"], state["listens"] = time.perf_counter(), time.thread_time(), False

    def sample() -> None:
        while True:
            time.sleep(noted / 4)
            since = state["since"]
            if not state["listens"] and time.perf_counter() - since > noted:
                frame = sys._current_frames().get(thread)
                if frame is not None and since == state["since"]:
                    stacks[since] = "".join(traceback.format_stack(frame, 12)[-8:])

    begun = []

    def collecting(phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            begun[:] = [time.thread_time()]
        elif begun and threading.get_ident() == thread:
            pauses.append(time.thread_time() - begun[0])

    gc.callbacks.append(collecting)
    selector.select = measured
    threading.Thread(target=sample, daemon=True).start()
    dask_scheduler.adaptive_turns = (turns, stacks, pauses)


def report(dask_scheduler: Any) -> tuple[float, float, float, list[str]]:
    """What was measured since the last call."""
    turns, stacks, pauses = dask_scheduler.adaptive_turns
    wall, cpu = map(max, zip(*turns, strict=True))
    result = wall, cpu, max(pauses, default=0.0), list(stacks.values())
    for each in (turns, stacks, pauses):
        each.clear()
    return result


def send(run: str, kind: str, seed: int, dask_worker: Any = None) -> None:
    """Let a worker send what it should not."""
    rng = random.Random(seed)
    if kind == "odd":
        reports = [malformed.make_report(rng) for _ in range(20)]
    else:
        n = rng.choice(MANY)
        reports = [
            {"ids": list(range(10**9, 10**9 + n)), "values": [0.5] * n, "durations": [1e-3] * n},
            {"ids": [10**9], "values": [bytes(rng.choice(LARGE))], "durations": [1e-3]},
            {"returned": list(range(n))},
            {"failures": {10**9 + i: ("x" * 1000, None) for i in range(n // 10)}},
            {"log": "x" * 10**6, "given_up": ["y"] * n},
        ]
    for each in reports:
        dask_worker.loop.add_callback(dask_worker.batched_send, {"op": REPORT, "run": run, **each})


class Attack:
    """Sends messages about a run that goes on."""

    def __init__(self, client: Client, rng: random.Random, over: Path) -> None:
        self.client = client
        self.over = str(over)  # a file that lets go what hangs
        self.rng = rng
        (self.run,) = client.run_on_scheduler(_ids)

    def reports(self) -> None:
        """Of workers, malformed."""
        self.client.run(send, self.run, "odd", self.rng.randrange(10**9))

    def large_reports(self) -> None:
        """Of workers, about points that there are not."""
        self.client.run(send, self.run, "large", self.rng.randrange(10**9))

    def requests(self) -> None:
        """Of a client, malformed."""
        for _ in range(20):
            self._ask(*malformed.make_request(self.rng, self.run))

    def large_requests(self) -> None:
        """Of a client, with many and with large things in them."""
        size, n = self.rng.choice(LARGE), self.rng.choice(MANY)
        run = {"name": "victim"}
        self._ask(Route.CALL, {**run, "payload": bytes(size)})
        self._ask(Route.TELL, {**run, "points": bytes(size), "values": b""})
        self._ask(Route.TELL, {**run, "points": dumps([0.5] * n), "values": dumps([None] * n)})
        self._ask(Route.DROP, {**run, "points": dumps([0.5] * n), "ids": list(range(10**9, 10**9 + n))})
        self._ask(Route.INSPECT, {**run, "log_from": -n})
        self._ask(Route.SNAPSHOT, {"name": "n" * size})
        self._ask(Route.CONTROL, {**run, "action": "a" * size})
        for run_id in (self.run, "nobody"):
            runs = [(i, run_id, i, i) for i in range(n)]
            self._ask(Route.WATCH, {"watcher": "w", "runs": runs, "interval": 0, "timeout": 0})

    def descriptions(self) -> None:
        """Runs that cannot be started."""
        names = [field.name for field in dataclasses.fields(RunSpec)]
        for _ in range(5):
            spec = dataclasses.replace(
                GOOD, **{name: malformed.junk(self.rng) for name in self.rng.sample(names, self.rng.randrange(4))}
            )
            self._ask(Route.START, {"spec": dumps(spec)})
        self._ask(Route.START, {"spec": dumps(dataclasses.replace(GOOD, learner=bytes(self.rng.choice(LARGE))))})

    def good(self) -> None:
        """What is well and large: a run with data from its start to its end, and one that follows it."""
        learner = adaptive_dask.Learner1D(functions.peak, bounds=(-1, 1))
        xs = [self.rng.uniform(-1, 1) for _ in range(20_000)]
        learner.tell_many(xs, [functions.peak(x) for x in xs])
        runner = adaptive_dask.Runner(learner, npoints_goal=21_000, executor=self.client, name="large")
        adaptive_dask.attach("large", self.client).result(60)
        runner.forget()

    def neighbours(self) -> None:
        """Runs whose user code exits, hangs, or says what no message carries, and names that are used again."""
        for name, misbehave in neighbours.KINDS.items():
            misbehave(self.client, f"neighbour-{name}", self.over)

    def _ask(self, route: Route, arguments: dict[str, Any]) -> None:
        async def ask() -> Any:
            return await getattr(self.client.scheduler, route)(versions=own_versions(), **arguments)

        reply = self.client.sync(ask)
        assert set(reply) in ({"ok"}, {"error"}), reply


def _ids(dask_scheduler: Any) -> list[str]:
    from adaptive_dask.cluster import scheduler_subscriptions

    scheduler_subscriptions.MAX_WAIT_S = 0.05  # a request without news does not delay the others
    return list(dask_scheduler.plugins["adaptive"].table.active)


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--stacks", type=int, default=3, help="how many to print of each attack")
    arguments = parser.parse_args()
    for module in (functions, malformed, sys.modules[__name__]):
        cloudpickle.register_pickle_by_value(module)
    print_row("Longest turn, ms", "on the clock", "computing", "of that, garbage", f"needed: {1e3 * ALLOWED:g}")
    with tempfile.TemporaryDirectory() as folder, scheduler(Path(folder)) as (_, address):
        nannies = _nannies(address)
        with Client(address, set_as_default=False) as client:
            client.wait_for_workers(2)
            client.run_on_scheduler(watch, NOTED)
            learner = adaptive_dask.Learner1D(functions.slow_peak, bounds=(-1, 1))
            runner = adaptive_dask.Runner(
                learner, name="victim", executor=client, on_error="skip", allowed_failures=10**6
            )
            while runner.info().get("npoints", 0) < 100:
                runner.wait(0.1)
            show("start of the first run", client, arguments.stacks)
            attack = Attack(client, random.Random(arguments.seed), Path(folder) / "over")
            for name in (
                "reports",
                "large_reports",
                "requests",
                "large_requests",
                "descriptions",
                "good",
                "neighbours",
            ):
                for _ in range(arguments.rounds if name != "neighbours" else math.ceil(arguments.rounds / 10)):
                    getattr(attack, name)()
                show(name, client, arguments.stacks)
            assert runner.status() == "running", runner.status()
            assert len(client.scheduler_info()["workers"]) == 2
            runner.cancel()
            runner.wait()
        for nanny in nannies:
            nanny.terminate()
            nanny.wait()


def _nannies(address: str) -> list[Any]:
    import subprocess

    command = [sys.executable, "-m", "dask", "worker", address, "--nthreads=2", "--host=127.0.0.1", "--no-dashboard"]
    return [subprocess.Popen(command, stderr=subprocess.DEVNULL) for _ in range(2)]


def show(what: str, client: Client, most: int) -> None:
    *seconds, stacks = client.run_on_scheduler(report)
    print_row(what, *(f"{1e3 * each:.1f}" for each in seconds), "ok" if seconds[0] <= ALLOWED else "MISSED")
    for stack in stacks[:most]:
        print(stack)


if __name__ == "__main__":
    main()
