"""Another client's round trip to the scheduler while a run goes at full speed and a client writes its data.

    python -m tests.benchmarks.output_cost [--rows 1000000] [--grid 1000] [--seconds 10] [--threads 4]

The cluster is a process of its own, and so is the other client, which sends the scheduler an echo request every few
milliseconds. This process follows the run. A fourth one writes again and again: a Parquet file with so many rows of
named results, or a Zarr store with an interpolation on a grid of so many points along each axis. Sides take turns,
because the machine may do other things: only differences between them count. Wanted: p95 of at most 10 ms on a machine
with a core for each process.
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from dask.distributed import Client

import adaptive_dask as adaptive
from tests.benchmarks.cluster_latency import line, measure
from tests.benchmarks.cluster_sides import local_client
from tests.benchmarks.reporting import print_row

NEEDED = 10.0  # milliseconds, 95th percentile


def named(x: float) -> dict[str, Any]:
    return {"y": line(x), "width": x, "state": "converged"}


def plane(xy: Any) -> float:
    return line(xy[0]) * xy[1]


def serve(threads: int) -> None:
    """The cluster, until the other side closes stdin."""
    with local_client(threads) as client:
        print(client.scheduler.address, flush=True)
        sys.stdin.read()


def full(rows: int) -> Any:
    learner = adaptive.DataSaver(adaptive.SequenceLearner(named, range(rows)), learn="y")
    xs = np.linspace(-1, 1, rows).tolist()
    learner.tell_many(list(enumerate(range(rows))), [named(x) for x in xs])
    return learner


def surface(npoints: int) -> Any:
    learner = adaptive.Learner2D(plane, [(-1, 1), (0, 1)])
    adaptive.simple(learner, npoints_goal=npoints)
    return learner


def keep_writing(what: str, rows: int, grid: int) -> None:
    """Write until the other side closes stdin; print how long each write takes."""
    learner = full(rows) if what == "rows" else surface(2000)
    stop = threading.Event()
    print("ready", flush=True)
    threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        while not stop.is_set():
            begin = time.perf_counter()
            if what == "rows":
                learner.to_parquet(Path(folder) / "rows.parquet")
            else:
                learner.to_zarr(Path(folder) / "grid.zarr", grid)
            print(time.perf_counter() - begin, flush=True)


@contextlib.contextmanager
def child(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Another process of the script, which ends when its stdin is closed."""
    command = [sys.executable, "-m", "tests.benchmarks.output_cost", *map(str, arguments)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def while_it_goes(what: str, client: Client, arguments: argparse.Namespace) -> tuple[np.ndarray, float, list[float]]:
    """Round trips, points per second, and the durations of the writes."""
    learner = adaptive.DataSaver(adaptive.Learner1D(named, (-1, 1)), learn="y")
    if what == "nothing":
        return *measure(client, learner, arguments.seconds), []
    with child("--write", what, "--rows", arguments.rows, "--grid", arguments.grid) as writer:
        first_line(writer)
        trips, rate = measure(client, learner, arguments.seconds)
        written, _ = writer.communicate()
    return trips, rate, [float(each) for each in written.split()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--grid", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--write", choices=["rows", "grid"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.threads)
        return
    if arguments.write:
        keep_writing(arguments.write, arguments.rows, arguments.grid)
        return
    sides = {
        "nothing": "nothing",
        "rows": f"{arguments.rows:,} rows, Parquet",
        "grid": f"{arguments.grid}² grid, Zarr",
    }
    with child("--serve", "--threads", arguments.threads) as cluster:
        with Client(first_line(cluster)) as client:
            print_row("written meanwhile", "points/s", "p50, ms", "p95, ms", "needed, p95", "seconds each")
            for _ in range(arguments.repeat):
                for what, side in sides.items():
                    trips, rate, durations = while_it_goes(what, client, arguments)
                    p50, p95 = np.percentile(trips, [50, 95])
                    verdict = f"{NEEDED:g} {'ok' if p95 <= NEEDED else 'MISSED'}"
                    each = f"{np.mean(durations):.1f}" if durations else ""
                    print_row(side, f"{rate:,.0f}", f"{p50:.2f}", f"{p95:.2f}", verdict, each)
        cluster.communicate()


if __name__ == "__main__":
    main()
