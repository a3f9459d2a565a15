"""Functions in processes of their own: time limits, orphans, overhead, and pure Python on two threads.

``python -m tests.benchmarks.isolated_functions [part of the number of points, 1 by default]``
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import os
import re
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from distributed import Client, LocalCluster, wait

import adaptive_dask as adaptive
from adaptive_dask.isolated.process_tree import descendants, list_processes
from adaptive_dask.run.status import RunStatus

from ..patience import wait_until

QUIET = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0", "worker_dashboard_address": "127.0.0.1:0"}


def cluster(workers: int, threads: int) -> LocalCluster:
    return LocalCluster(n_workers=workers, threads_per_worker=threads, **QUIET)


def counts(client: Client) -> str:
    def count() -> tuple[int, int]:
        return threading.active_count(), len(os.listdir("/proc/self/fd"))

    threads, files = map(sum, zip(*client.run(count).values(), strict=True))
    return f"{count_processes()} processes, {threads} threads and {files} files in the workers"


def count_processes() -> int:
    return len(descendants([os.getpid()], list_processes())) - 1


def load() -> str:
    return f"{os.getloadavg()[0]:.0f} on {os.cpu_count()} cores"


def cpu_seconds() -> float:
    """CPU time of this process and of all that it has started."""
    ticks = 0
    for each in descendants([os.getpid()], list_processes()):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{each.pid}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def wait_for(runner: adaptive.Runner, points: int = 0, failures: int = 0) -> None:
    wait_until(lambda: len(runner.learner.data) >= points and len(runner.failed) >= failures)


def hangs(points: int) -> None:
    def function(x: float) -> float:
        import time
        import zlib

        if zlib.crc32(repr(x).encode()) % 10 < 3:
            time.sleep(1e6)
        return x

    with cluster(2, 4) as here, Client(here) as client:
        warm = adaptive.Runner(adaptive.Learner1D(lambda x: x, (-1, 1)), executor=client, npoints_goal=20)
        warm.result()
        wait_until(lambda: count_processes() <= 4)  # two workers, the nanny's helper, and one of Python's own
        before, processes = counts(client), count_processes()
        learner = adaptive.SequenceLearner(function, [i / points for i in range(points)])
        begin = time.perf_counter()
        runner = adaptive.Runner(learner, executor=client, isolate="process", point_timeout=0.5, on_error="skip")
        runner.result()
        wall = time.perf_counter() - begin
        failed = len(runner.failed)
        lost = (8 * wall - 0.5 * failed) / max(1, failed)
        # From the time limit until nothing of the process is left, as the errors say.
        ended = sorted(
            float(re.search(r"given up after ([\d.]+) s", each.traceback_text)[1]) - 0.5 for each in runner.failures
        )
        print(
            f"hangs: {points} points, {failed} hang, {wall:.1f} s; {lost:.2f} s of a slot lost per limit. Processes "
            f"ended after {ended[len(ended) // 2]:.2f} s (median), {ended[-1]:.2f} s (longest); load {load()}"
        )
        wait_until(lambda: count_processes() <= processes)
        print(f"  before: {before}\n  after:  {counts(client)}")


def orphans(kills: int) -> None:
    def function(x: float) -> float:
        import os
        import subprocess
        import time
        import zlib

        kind = zlib.crc32(repr(x).encode()) % 10
        if kind < 4:
            subprocess.Popen("trap '' TERM; sleep 98765; true", shell=True, start_new_session=True)
            time.sleep(1e6)
        if kind == 5:
            subprocess.Popen(["sleep", "98765"])
            os._exit(1)
        return x

    with cluster(2, 2) as here, Client(here) as client:
        counted = [0, 0]
        for _ in range(kills):
            learner = adaptive.SequenceLearner(function, [i / 1000 for i in range(1000)])
            runner = adaptive.Runner(
                learner,
                executor=client,
                isolate="process",
                point_timeout=0.3,
                on_error="skip",
                allowed_failures=1000,
            )
            wait_for(runner, failures=10)
            os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)
            wait_for(runner, failures=15)
            counted[0] += runner.info()["timeouts"]
            counted[1] += len(runner.failed) - runner.info()["timeouts"]
            runner.cancel()
            # client.wait_for_workers asks the cluster, which does not notice workers any more after an error of Dask's.
            wait_until(lambda: client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.workers)) == 2)
    wait_until(lambda: not _sleepers())
    print(f"orphans: none of {kills} SIGKILLs of workers, {counted[0]} time limits, {counted[1]} crashes, cancel()")


def _sleepers() -> list[int]:
    found = []
    for each in list_processes().values():
        try:
            text = Path(f"/proc/{each.pid}/cmdline").read_bytes()
        except OSError:
            continue
        if b"98765" in text:
            found.append(each.pid)
    return found


def overhead(points: int) -> None:
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        for isolate in (None, "process"):
            learner = adaptive.SequenceLearner(lambda x: x, [i / points for i in range(points)])
            begin, cpu = time.perf_counter(), time.process_time()
            adaptive.BlockingRunner(learner, executor=pool, isolate=isolate)
            wall, cpu = time.perf_counter() - begin, time.process_time() - cpu
            print(
                f"overhead, isolate={isolate}: {wall / points * 1e3:.3f} ms per point, {cpu / points * 1e3:.3f} of CPU"
            )
    with cluster(2, 8) as here, Client(here) as client:

        def sleep(x: float) -> float:
            import time

            time.sleep(0.01)
            return x

        for isolate in (None, "process"):
            learner = adaptive.Learner1D(sleep, (-1, 1))
            cpu = cpu_seconds()
            runner = adaptive.Runner(learner, executor=client, isolate=isolate, npoints_goal=4 * points)
            runner.result()
            cpu = (cpu_seconds() - cpu) / (4 * points)
            status = RunStatus.from_info(runner.info())
            print(
                f"busy share of 10 ms on 2 × 8, isolate={isolate}: {status.busy_share:.2f}; {cpu * 1e3:.2f} ms of CPU "
                f"per point in all processes; load {load()}"
            )


def pure_python(points: int) -> None:
    def function(x: float) -> float:
        import time

        end = time.thread_time() + 0.02
        while time.thread_time() < end:
            pass
        return x

    with cluster(1, 2) as here, Client(here) as client:
        speeds = []
        for isolate in (None, "process"):
            learner = adaptive.SequenceLearner(function, [i / points for i in range(points)])
            begin = time.perf_counter()
            adaptive.BlockingRunner(learner, executor=client, isolate=isolate)
            speeds.append(points / (time.perf_counter() - begin))
        print(
            f"pure Python on 2 threads: {speeds[0]:.1f} and {speeds[1]:.1f} points/s: {speeds[1] / speeds[0]:.2f} times"
        )


# One in ten fails, one in fifty hangs.
SCRIPT = 'i={x}; [ $((i % 10)) = 3 ] && exit 1; [ $((i % 50)) = 7 ] && sleep 98765; echo "$i * 0.5" | bc -l'


def programs(points: int) -> None:
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        command = adaptive.Command(["sh", "-c", SCRIPT], folder=f"{folder}/points", keep="all", timeout=1)
        told: dict[Any, Any] = {}
        failed: set[Any] = set()
        for attempt in range(2):
            with cluster(2, 4) as here, Client(here) as client:
                learner = adaptive.SequenceLearner(command, list(range(points)))
                runner = adaptive.Runner(
                    learner, executor=client, isolate="process", on_error="skip", checkpoint=f"{folder}/checkpoint"
                )
                if attempt == 0:
                    wait_for(runner, points=points // 4)
                    os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)
                    wait_for(runner, points=points // 2)
                else:
                    runner.result()
                    told = dict(learner.data)
                    failed = {failure.point for failure in runner.failures}
        records = [json.loads(path.read_text()) for path in Path(folder).glob("points/*/adaptive_point.json")]
        done = [record["point"] for record in records if record["status"] == "done"]
        exact = all(abs(y - 0.5 * i) < 1e-12 for i, y in told.items())
        print(
            f"programs: {points} points, {len(told)} told, {len(failed)} failed in the second cluster, {len(records)} "
            f"folders, {len(done)} done ({len(set(done))} of different points), values exact: {exact}, "
            f"{len(_sleepers())} programs left, {time.perf_counter() - begin:.0f} s"
        )


def programs_by_hand(points: int) -> None:
    """The same with `client.map` and a wrapper as people write it."""

    def wrapper(x: int, folder: str, script: str) -> float:
        import pathlib
        import subprocess
        import uuid

        here = pathlib.Path(folder, f"{x}_{uuid.uuid4().hex[:8]}")
        here.mkdir()
        command = ["sh", "-c", script.replace("{x}", str(x))]
        done = subprocess.run(command, cwd=here, timeout=1, capture_output=True, text=True)
        (here / "ended").touch()
        if done.returncode:
            raise RuntimeError(f"code {done.returncode}")
        return float(done.stdout)

    begin = time.perf_counter()
    told: dict[int, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for attempt in range(2):
            with cluster(2, 4) as here, Client(here) as client:
                left = [x for x in range(points) if x not in told]
                futures = client.map(wrapper, left, folder=folder, script=SCRIPT, pure=False)
                if attempt == 0:
                    wait_until(lambda futures=futures: sum(each.done() for each in futures) >= points // 4)
                    os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)
                    wait_until(lambda futures=futures: sum(each.done() for each in futures) >= points // 2)
                else:
                    wait(futures)
                # Results are known to the program only when it fetches them.
                done = [each for each in futures if each.status == "finished"] if attempt else []
                told.update(zip([left[futures.index(each)] for each in done], client.gather(done), strict=True))
        ended = [int(path.parent.name.split("_")[0]) for path in Path(folder).glob("*/ended")]
        folders = len(list(Path(folder).iterdir()))
        lost = _sleepers()
        for pid in lost:
            os.kill(pid, signal.SIGKILL)
    print(
        f"by hand: {points} points, {len(told)} told, {folders} folders, {len(ended)} programs ended "
        f"({len(set(ended))} of different points), {len(lost)} programs left, {time.perf_counter() - begin:.0f} s"
    )


if __name__ == "__main__":
    part = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    pure_python(int(200 * part))
    overhead(int(2000 * part))
    hangs(int(500 * part))
    programs(int(500 * part))
    programs_by_hand(int(500 * part))
    orphans(max(1, int(20 * part)))
