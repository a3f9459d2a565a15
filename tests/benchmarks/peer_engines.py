"""Points per second and busy share of a run, beside ``client.map`` without a learner and Optuna's DaskStorage.

    python -m tests.benchmarks peer_engines [--quick]

All sides take turns on one cluster of two worker processes with eight threads each. ``client.map`` evaluates points
that are all known beforehand. Optuna's workers ask a study in the scheduler, with random sampling, which costs least.
"""

from __future__ import annotations

import importlib.util
import statistics
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

from tests.benchmarks.reporting import Row

THREADS = 8
SLOTS = 2 * THREADS


def function(x: float, seconds: float) -> float:
    if seconds:
        time.sleep(seconds)
    return x + 1e-4 / (1e-4 + x * x)


def mapped(client: Any, seconds: float, npoints: int) -> float:
    """Seconds of ``client.map`` and ``gather``."""
    begin = time.perf_counter()
    xs = [2 * i / npoints - 1 for i in range(npoints)]
    client.gather(client.map(partial(function, seconds=seconds), xs, pure=False))
    return time.perf_counter() - begin


def optimized(client: Any, seconds: float, npoints: int) -> float:
    """Seconds of a study with its trials on all slots."""
    import optuna
    from optuna.integration.dask import DaskStorage

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(storage=DaskStorage(client=client), sampler=optuna.samplers.RandomSampler(seed=0))

    def objective(trial: Any) -> float:
        return function(trial.suggest_float("x", -1, 1), seconds)

    begin = time.perf_counter()
    trials = -(-npoints // SLOTS)
    futures = [client.submit(study.optimize, objective, n_trials=trials, pure=False) for _ in range(SLOTS)]
    client.gather(futures)
    return (time.perf_counter() - begin) * npoints / (trials * SLOTS)


def rows(quick: bool) -> Iterator[Row]:
    """The figures of the report."""
    from tests.benchmarks.cluster_sides import local_client, ours

    repeat = 1 if quick else 5
    missing = [name for name in ("optuna", "optuna_integration") if importlib.util.find_spec(name) is None]
    with local_client(THREADS) as client:
        for name, seconds, points in (("no-op", 0.0, (4_000, 2_000, 64)), ("10 ms", 0.01, (4_000, 2_000, 160))):
            if quick:
                points = (1_000, 320, 32)
            call = partial(function, seconds=seconds)
            found: dict[str, list[float]] = {}
            for _ in range(repeat):
                found.setdefault("ours", []).append(points[0] / ours(client, call, points[0]))
                found.setdefault("client.map", []).append(points[1] / mapped(client, seconds, points[1]))
                if not missing:
                    found.setdefault("Optuna", []).append(points[2] / optimized(client, seconds, points[2]))
            rates = {side: statistics.median(own) for side, own in found.items()}
            unit = 1.0 if not seconds else seconds / SLOTS
            what = f"{name}, 2 × {THREADS}, " + ("points/s" if not seconds else "busy share")
            for side in ("client.map", "Optuna"):
                beside = rates.get(side)
                note = f"beside {side}" if beside else f"{side}: {' and '.join(missing)} not installed"
                yield Row(what, unit * rates["ours"], beside=beside and unit * beside, note=note)
