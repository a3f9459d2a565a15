"""What asking and telling costs per point: adaptive 1.5.2 and adaptive_dask in one run.

Prints the smallest of five measurements of process time, in microseconds per point, when N points are known.

    python -m tests.benchmarks.learner1D_cost [--quick]
"""

from __future__ import annotations

import argparse
import gc
import math
import time
import tracemalloc

import adaptive
import numpy as np

import adaptive_dask.learner.learner1D as ours


def function(x):
    return x + 0.01**2 / (0.01**2 + (x - 0.3127) ** 2) + 0.1 * math.sin(30 * x)


def grown(learner, n):
    """The learner with n points: half of them a grid, half of them asked for."""
    xs = np.linspace(*learner.bounds, n // 2).tolist()
    learner.tell_many(xs, [function(x) for x in xs])
    while learner.npoints < n:
        xs, _ = learner.ask(min(1000, n - learner.npoints))
        learner.tell_many(xs, [function(x) for x in xs])
    return learner


def cost(learner, batch, points=4096, repetitions=5):
    """Microseconds per point of ask(batch) and tell."""
    best = math.inf
    for _ in range(repetitions):
        seconds = 0.0
        for _ in range(points // batch):
            start = time.process_time()
            xs, _ = learner.ask(batch)
            asked = time.process_time()
            ys = [function(x) for x in xs]
            computed = time.process_time()
            if batch == 1:
                learner.tell(xs[0], ys[0])
            else:
                learner.tell_many(xs, ys)
            seconds += time.process_time() - computed + asked - start
        best = min(best, seconds / (points // batch * batch) * 1e6)
    return best


def replica_cost(source, batch=300, points=3000, repetitions=5):
    """Microseconds per point of telling batches that were never asked for."""
    replica = source.new()
    replica.copy_from(source)
    best = math.inf
    # The first repetition pays for the index in which unknown points are found.
    for _ in range(repetitions):
        batches = []
        for _ in range(points // batch):
            xs, _ = source.ask(batch)
            ys = [function(x) for x in xs]
            source.tell_many(xs, ys)
            batches.append((xs, ys))
        start = time.process_time()
        for xs, ys in batches:
            replica.tell_many(xs, ys)
        best = min(best, (time.process_time() - start) / points * 1e6)
    return best


def bytes_per_point(n):
    gc.collect()
    tracemalloc.start()
    learner = ours.Learner1D(None, (-1, 1))
    xs = np.linspace(-1, 1, n)
    ys = np.sin(30 * xs)
    before = tracemalloc.get_traced_memory()[0]
    learner.tell_many(xs, ys)
    learner.ask(64)
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return (after - before) / n


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="up to N = 1e4")
    sizes = (10_000,) if parser.parse_args().quick else (10_000, 100_000, 1_000_000)
    losses = {
        "default": (None, None),
        "curvature": (adaptive.learner.learner1D.curvature_loss_function(), ours.curvature_loss_function()),
        "interpolation": (None, ours.interpolation_loss_function()),
    }
    print("microseconds per point; adaptive", adaptive.__version__)
    print(f"{'loss':14}{'N':>9}{'batch':>7}{'adaptive':>10}{'adaptive_dask':>15}{'ratio':>7}")
    for name, (their_loss, our_loss) in losses.items():
        for n in sizes:
            if name != "default" and n > 100_000:
                continue
            mine = grown(ours.Learner1D(function, (-1, 1), our_loss), n)
            theirs = None
            if n <= 100_000 and name != "interpolation":
                theirs = grown(adaptive.Learner1D(function, (-1, 1), their_loss), n)
            for batch in (64, 1):
                our_cost = cost(mine, batch)
                their_cost = math.nan if theirs is None else cost(theirs, batch, points=1024, repetitions=3)
                ratio = their_cost / our_cost
                print(f"{name:14}{n:9}{batch:7}{their_cost:10.1f}{our_cost:15.1f}{ratio:7.1f}", flush=True)
            if name == "default":
                print(f"{'  only told':14}{n:9}{300:7}{'':10}{replica_cost(mine):15.1f}", flush=True)
    print(f"memory at N = {sizes[-1]}: {bytes_per_point(sizes[-1]):.0f} bytes per point")


if __name__ == "__main__":
    main()
