"""A storm over a cluster of processes: everything is killed, paused, added and taken away while a run goes on.

Shared by `test_chaos` and ``tests/benchmarks/chaos.py``.
"""

from __future__ import annotations

import collections
import contextlib
import itertools
import json
import math
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from distributed import Client

import adaptive_dask as adaptive
from adaptive_dask.storage.atomic_file import write_atomically
from adaptive_dask.storage.checkpoint import _read_base, _read_logs
from adaptive_dask.storage.checkpoint_files import Listing
from adaptive_dask.storage.checkpoint_folder import folder_at

from . import neighbours
from .chaos_witness import Witness

TIMEOUT = 120.0
POINT_TIMEOUT = 2.0
NAME = "storm"
LENGTH = 1_000_000


def function(i: int, folder: str, seed: int) -> Any:
    """Raises or hangs once, is slow, returns NaN or much, or is well behaved; notes when it begins and ends."""
    import contextlib
    import os
    import random
    import time

    def note(what: str) -> None:
        with open(os.path.join(folder, "notes"), "a") as file:
            file.write(f"{what} {time.time()} {os.getpid()} {i}\n")

    note("begin")
    kind = random.Random(seed * 1_000_003 + i).random()
    time.sleep(0.002 + 0.01 * kind)  # the function is slow
    if kind < 0.02:
        with contextlib.suppress(FileExistsError), open(os.path.join(folder, f"raised-{i}"), "x"):
            note("raise")
            raise ArithmeticError(f"{i} fails the first time")
    if 0.02 < kind < 0.025:
        time.sleep(0.5)  # it is very slow
    if 0.025 < kind < 0.028:
        with contextlib.suppress(FileExistsError), open(os.path.join(folder, f"hung-{i}"), "x"):
            note("hang")
            while not os.path.exists(os.path.join(folder, "over")):
                time.sleep(0.05)  # it hangs until the storm is over
            return None
    note("end")
    return expected(i, kind)


def expected(i: int, kind: float) -> Any:
    """What the function returns at last."""
    if 0.03 < kind < 0.05:
        return float("nan")
    if 0.05 < kind < 0.06:
        return bytes([i % 256]) * 200_000
    return 2.0 * i


@dataclass
class Figures:
    """What happened in a storm."""

    points: int = 0
    evaluations: int = 0
    lost: int = 0
    doubled: int = 0
    forgotten: int = 0
    hung: int = 0
    wrong: int = 0
    seconds: float = 0.0
    deeds: collections.Counter[str] = field(default_factory=collections.Counter)
    delays: list[float] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    descriptors: tuple[int, int] = (0, 0)
    worker_descriptors: int = 0

    def __str__(self) -> str:
        deeds = ", ".join(f"{count} {name}" for name, count in sorted(self.deeds.items()))
        delays = sorted(self.delays)
        where = (
            f"{delays[len(delays) // 2]:.2f} s (median), {delays[-1]:.2f} s (longest of {len(delays)})"
            if delays
            else "not measured"
        )
        lost = f"lost {self.lost}, doubled {self.doubled}, wrong {self.wrong}, saved and forgotten {self.forgotten}"
        evaluations = f"{self.evaluations} evaluations were finished, {self.hung} hung"
        return "\n".join(
            [
                f"{self.points} points in {self.seconds:.0f} s; {evaluations}",
                f"deeds: {deeds}",
                f"{lost}; left over: {self.left or 'nothing'}",
                f"from a worker's death until its points are begun elsewhere: {where}",
                f"files open on the scheduler after a run, and after another: {self.descriptors}; "
                f"more on a worker: {self.worker_descriptors}",
            ]
        )


class Nursery:
    """Forks processes, and knows which live."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("chaos_process.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.workers: dict[str, int] = {}
        self.clients: list[int] = []
        self._count = 0

    def worker(self, address: str) -> None:
        self._count += 1
        name = f"worker-{self._count}"
        self.workers[name] = self._fork("worker", address, name, str(self._folder / "scratch"))

    def client(self, address: str) -> None:
        self.clients.append(self._fork("client", address, NAME))

    def clear(self) -> None:
        for pid in (*self.workers.values(), *self.clients):
            kill(pid)
        self.workers.clear()
        self.clients.clear()

    def close(self) -> None:
        self.clear()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(TIMEOUT)
        self._process.stdout.close()

    def _fork(self, *order: str) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


def kill(pid: int) -> None:
    """Kill a process, also one that is stopped or gone already."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def wait_until(condition: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + TIMEOUT
    while not (value := condition()):
        assert time.monotonic() < deadline, f"{what} took longer than {TIMEOUT} s"
        time.sleep(0.01)  # between two looks
    return value


@contextlib.contextmanager
def scheduler(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A scheduler in a process of its own, and its address."""
    file = folder / "scheduler.json"
    file.unlink(missing_ok=True)
    command = [sys.executable, "-m", "dask", "scheduler", "--host=127.0.0.1", "--port=0"]
    command += ["--dashboard-address=127.0.0.1:0", "--no-show"]
    with open(folder / "scheduler.log", "ab") as log:
        process = subprocess.Popen(
            [*command, f"--scheduler-file={file}"],
            stdout=log,
            stderr=log,
            cwd=folder,
            env={**os.environ, **neighbours.ENVIRONMENT},
        )
    try:

        def address() -> str | None:
            assert process.poll() is None, "the scheduler did not start"
            try:
                return str(json.loads(file.read_text())["address"])
            except (FileNotFoundError, ValueError):
                return None

        yield process, wait_until(address, "starting a scheduler")
    finally:
        process.kill()
        process.wait(TIMEOUT)


class Storm:
    """One storm.

    Parameters
    ----------
    folder : Path
        Empty; everything is written there.
    lives : int
        How many schedulers are killed.
    deeds : dict of str to int
        How often each thing is done in all: kill, pause, add, retire, come, kill_client, and the `neighbours.KINDS`.
    """

    def __init__(self, folder: Path, *, lives: int, deeds: dict[str, int], seed: int = 0) -> None:
        self._folder = folder
        self._random = random.Random(seed)
        self._seed = seed
        self._lives = lives
        order = [name for name, count in deeds.items() for _ in range(count)]
        self._random.shuffle(order)
        self._deeds = order
        self._kills: list[tuple[float, int]] = []
        self._witness = Witness()
        self.figures = Figures()

    def run(self) -> Figures:
        begin = time.monotonic()
        (self._folder / "notes").touch()
        nursery = Nursery(self._folder)
        try:
            for life in range(self._lives + 1):
                share = math.ceil(len(self._deeds) / (self._lives - life + 1))
                today, self._deeds = self._deeds[:share], self._deeds[share:]
                with scheduler(self._folder) as (process, address):
                    self._live(nursery, address, today, process if life < self._lives else None)
                nursery.clear()
                written = adaptive.load(self._folder / "checkpoint").data
                self.figures.forgotten += sum(i not in written for i in self._witness.saved)
        finally:
            nursery.close()
        self._compare()
        self.figures.seconds = time.monotonic() - begin
        return self.figures

    # ---- inside

    def _start(self, client: Client, **goal: Any) -> Any:
        call = partial(function, folder=str(self._folder), seed=self._seed)
        learner = adaptive.SequenceLearner(call, range(LENGTH))
        return adaptive.Runner(
            learner,
            executor=client,
            name=NAME,
            checkpoint=self._folder / "checkpoint",
            retries=5,
            point_timeout=POINT_TIMEOUT,
            **goal,
        )

    def _live(self, nursery: Nursery, address: str, deeds: list[str], process: subprocess.Popen[bytes] | None) -> None:
        """From the start of a scheduler until its process is killed, or the end of the run."""
        witness = self._witness
        for _ in range(2):
            nursery.worker(address)
        client = Client(address, set_as_default=False)
        try:
            enough = self._folder / "enough"
            runner = self._start(client, goal=partial(_has_all, str(enough)))
            witness.begin()

            def wait(condition: Callable[[], Any], what: str) -> Any:
                def look() -> Any:
                    witness.look(runner)
                    return condition()

                return wait_until(look, what)

            for deed in deeds:
                before = wait(lambda: runner.info().get("npoints", 0), "a first result")
                wait(lambda: runner.info()["npoints"] >= before + 20, "20 more results")  # noqa: B023  called at once
                self._do(deed, nursery, address, client)
            if process is None:
                while len(nursery.workers) < 2:
                    nursery.worker(address)
                witness.look(runner, again=True)
                self._length = witness.newest + 50
                write_atomically(str(enough), str(self._length).encode())
                wait(lambda: runner.wait(0.0), "the end of the run: a point is lost")
                self._learner = runner.result(TIMEOUT)
                # Not before, or a point that hangs since a moment ago would have a value, and a wrong one.
                write_atomically(str(self._folder / "over"), b"")
                # Workers that were started last have connections, too, when the open files are counted.
                wait_until(
                    lambda: len(client.scheduler_info(n_workers=-1)["workers"]) == len(nursery.workers), "all workers"
                )
                self._look_for_leftovers(client)
                return
            if self._random.random() < 0.5:
                newest = witness.newest
                wait(lambda: witness.has_seen_all_until(newest), f"each point until {newest}")
            moment = time.monotonic() + self._random.uniform(0.0, 1.0)
            wait(lambda: time.monotonic() > moment, "a moment")
            process.kill()
            self.figures.deeds["schedulers killed"] += 1
        finally:
            client.close(timeout=10)

    def _do(self, deed: str, nursery: Nursery, address: str, client: Client) -> None:
        names = list(nursery.workers)
        if deed in ("kill", "retire") and len(names) < 2:
            nursery.worker(address)
        if deed == "kill":
            pid = nursery.workers.pop(self._random.choice(names))
            self._kills.append((time.time(), pid))
            kill(pid)
            nursery.worker(address)
        elif deed == "pause":
            pid = nursery.workers[self._random.choice(names)]
            os.kill(pid, signal.SIGSTOP)
            is_long = self._random.random() < 0.3
            time.sleep(self._random.uniform(2.0, 4.0) if is_long else self._random.uniform(0.1, 0.6))  # it stands still
            os.kill(pid, signal.SIGCONT)
        elif deed == "add":
            nursery.worker(address)
        elif deed == "retire":
            name = self._random.choice(names)
            client.retire_workers(names=[name])
            kill(nursery.workers.pop(name))
            nursery.worker(address)
        elif deed == "come":
            nursery.client(address)
        elif deed == "kill_client":
            if not nursery.clients:
                nursery.client(address)
                time.sleep(0.5)  # it may have begun anything by then
            kill(nursery.clients.pop(0))
        elif deed in neighbours.KINDS:
            neighbours.KINDS[deed](client, f"neighbour-{deed}", str(self._folder / "over"))
        else:
            raise ValueError(deed)
        self.figures.deeds[{"kill": "workers killed", "kill_client": "clients killed"}.get(deed, deed)] += 1

    def _look_for_leftovers(self, client: Client) -> None:
        def tidy() -> bool:
            self.figures.left = client.run_on_scheduler(leftovers)
            for left in client.run(worker_leftovers).values():
                self.figures.left += left
            return not self.figures.left

        def opened() -> tuple[int, dict[str, int]]:
            with contextlib.suppress(AssertionError):
                wait_until(tidy, "tidying up")
            return client.run_on_scheduler(open_files), client.run(open_files)

        before = opened()
        adaptive.BlockingRunner(
            adaptive.Learner1D(abs, (-1, 1)), npoints_goal=100, executor=client, checkpoint=self._folder / "other"
        )
        after = opened()
        self.figures.descriptors = before[0], after[0]
        self.figures.worker_descriptors = max(after[1][worker] - before[1][worker] for worker in before[1])

    def _compare(self) -> None:
        """What the last run has, and what the checkpoint has, is each point once with f at it."""
        figures = self.figures
        data = self._learner.data
        figures.points = len(data)
        for i in range(self._length):
            kind = random.Random(self._seed * 1_000_003 + i).random()
            if i not in data:
                figures.lost += 1
            elif not _equal(data[i], expected(i, kind)):
                figures.wrong += 1
        folder = folder_at(self._folder / "checkpoint")
        listing = Listing.of(folder)
        base = _read_base(folder, listing)
        assert base is not None
        content = _read_logs(folder, listing, base.number)
        written = collections.Counter(i for i, _ in content.points)
        figures.doubled = sum(count - 1 for count in written.values())
        figures.lost += len(set(data) - set(written))
        figures.delays = self._delays()

    def _delays(self) -> list[float]:
        """For each point that was under way on a worker that was killed: until it was begun elsewhere."""
        begun: dict[int, list[tuple[float, int]]] = collections.defaultdict(list)
        ended: set[tuple[int, int]] = set()
        for line in (self._folder / "notes").read_text().splitlines():
            what, when, pid, i = line.split()
            if what == "begin":
                begun[int(i)].append((float(when), int(pid)))
            else:
                ended.add((int(pid), int(i)))
                self.figures.evaluations += what == "end"
                self.figures.hung += what == "hang"
        killed = {pid: when for when, pid in self._kills}
        delays = []
        for i, begins in begun.items():
            for (_, pid), (when, _) in itertools.pairwise(begins):
                if pid in killed and (pid, i) not in ended:
                    delays.append(when - killed[pid])
        return delays


def _has_all(path: str, learner: Any) -> bool:
    """Whether the learner has each of so many points as a file says, once it is there."""
    try:
        with open(path) as file:
            length = int(file.read())
    except FileNotFoundError:
        return False
    return learner.npoints >= length and all(i in learner.data for i in range(length))


def _equal(one: Any, other: Any) -> bool:
    return bool(one == other or (one != one and other != other))  # NaN is not equal to itself


def leftovers(dask_scheduler: Any) -> list[str]:
    """What is left of runs on the scheduler, when there is none."""
    import threading

    host = dask_scheduler.plugins["adaptive"]
    left = [f"task {key}" for key in dask_scheduler.tasks]
    left += [f"run {run.name}" for run in host.table.active.values()]
    left += [f"client {name}" for name in dask_scheduler.clients if "adaptive-host" in name]
    left += [thread.name for thread in threading.enumerate() if thread.name.startswith("adaptive")]
    return left


def worker_leftovers(dask_worker: Any) -> list[str]:
    """What is left of runs on a worker, when there is none."""
    import threading

    service = dask_worker.plugins.get("adaptive-points")
    left = [f"a queue on {dask_worker.name}"] * (len(service._queues) if service else 0)
    names = [thread.name for thread in threading.enumerate()]
    left += [f"{name} on {dask_worker.name}" for name in names if name.startswith("adaptive")]
    threads = sum(name.startswith("Dask-Default-Threads") for name in names)
    if threads > dask_worker.state.nthreads:
        left.append(f"{threads} threads for tasks on {dask_worker.name}")
    return left


def open_files() -> int:
    import os

    return len(os.listdir("/proc/self/fd"))
