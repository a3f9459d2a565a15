"""How much memory a long run takes on the scheduler and in the client, per point.

Run it with ``python -m tests.benchmarks.run_memory``; a million points take a minute or two. Scheduler, client and
workers are processes of their own; what is counted is the growth of the resident set from before the run to some time
after its end. Beyond the learner itself, which is in both, nothing should grow with the points. A learner alone is
measured in another process, because it would use the memory that was freed in this one.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import subprocess
import sys
import tempfile
import textwrap
import time
from typing import Any

import psutil
from dask.distributed import Client

import adaptive_dask
from tests.benchmarks.reporting import print_row

CLUSTER = """
    import asyncio, sys
    from distributed import Nanny, Scheduler
    async def main():
        async with Scheduler(host="127.0.0.1", port=0, dashboard_address="127.0.0.1:0") as scheduler:
            nannies = [Nanny(scheduler.address, nthreads=8, dashboard_address="127.0.0.1:0") for _ in range(2)]
            await asyncio.gather(*nannies)
            print(scheduler.address, flush=True)
            await asyncio.to_thread(sys.stdin.read)
            await asyncio.gather(*(nanny.close() for nanny in nannies))
    if __name__ == "__main__":
        asyncio.run(main())
"""


def function(x: float) -> float:
    return x + 1e-4 / (1e-4 + x * x)


def resident() -> int:
    """Bytes of this process."""
    gc.collect()
    return int(psutil.Process().memory_info().rss)


# Bytes per point of a long run.
NEEDED = 100


async def have_freed(dask_scheduler: Any) -> None:
    """Wait until the scheduler has returned the memory of ended runs, some time after it discarded their results."""
    await asyncio.gather(*dask_scheduler.plugins["adaptive"].table._freeing)


def alone(npoints: int) -> float:
    """Bytes per point of a learner that nobody else has anything to do with."""
    before = resident()
    learner = adaptive_dask.Learner1D(function, bounds=(-1, 1))
    while learner.npoints < npoints:  # in steps as a run has them
        points, _ = learner.ask(50)
        learner.tell_many(points, [function(x) for x in points])
    return (resident() - before) / learner.npoints


def measure(client: Client, npoints: int, checkpoint: str | None) -> tuple[float, float, float]:
    """Bytes per point on the scheduler and here, and points per second."""
    adaptive_dask.BlockingRunner(adaptive_dask.Learner1D(function, (-1, 1)), npoints_goal=2000, executor=client)
    there, here = client.run_on_scheduler(resident), resident()
    learner = adaptive_dask.Learner1D(function, bounds=(-1, 1))
    begin = time.perf_counter()
    adaptive_dask.BlockingRunner(learner, npoints_goal=npoints, executor=client, checkpoint=checkpoint)
    seconds = time.perf_counter() - begin
    client.run_on_scheduler(have_freed)
    assert learner.npoints == npoints
    return (
        (client.run_on_scheduler(resident) - there) / npoints,
        (resident() - here) / npoints,
        npoints / seconds,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--npoints", type=int, default=1_000_000)
    parser.add_argument("--checkpoint", action="store_true", help="with a checkpoint")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        script = f"{folder}/cluster.py"
        with open(script, "w") as file:
            file.write(textwrap.dedent(CLUSTER))
        process = subprocess.Popen(
            [sys.executable, script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            with Client(process.stdout.readline().strip()) as client:
                place = f"{folder}/checkpoint" if arguments.checkpoint else None
                there, here, rate = measure(client, arguments.npoints, place)
        finally:
            process.stdin.close()
            process.wait(60)
    command = f"from tests.benchmarks.run_memory import alone; print(alone({arguments.npoints}))"
    learner = float(subprocess.check_output([sys.executable, "-c", command]))
    print_row("bytes a point", "scheduler", "client", "learner alone", f"needed: {NEEDED}", "points/s")
    print_row(
        f"{arguments.npoints:,} points",
        f"{there:,.0f}",
        f"{here:,.0f}",
        f"{learner:,.0f}",
        "ok" if max(there, here) <= NEEDED else "MISSED",
        f"{rate:,.0f}",
    )


if __name__ == "__main__":
    main()
