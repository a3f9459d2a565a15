"""Screenshots of the dashboard with a run of every kind, in both themes: to look at after a change.

``python tests/browser/dashboard_pictures.py FOLDER``. The picture in the README is the
upper part of ``light-ring.png``.
"""

from __future__ import annotations

import math
import random
import shutil
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from distributed import Client, LocalCluster
from playwright.sync_api import sync_playwright

import adaptive_dask as adaptive


def taking_time(function: Callable[[Any], Any], x: Any, seconds: float = 0.005) -> Any:
    time.sleep(seconds * random.uniform(0.5, 2))
    return function(x)


def peak(x: float) -> float:
    return x + 0.01**2 / (0.01**2 + x**2)


def waves(x: float) -> list[float]:
    return [math.sin(5 * x), math.cos(3 * x)]


def ring(point: tuple[float, float]) -> float:
    x, y = point
    if (x - 0.5) ** 2 + y**2 < 0.01:
        raise ValueError(f"no solution at {point}")
    return x + math.exp(-((x**2 + y**2 - 0.75**2) ** 2) / 0.2**4)


def bump(point: tuple[float, ...]) -> float:
    return math.exp(-5 * sum(x * x for x in point))


def noise(seed: int) -> float:
    return random.Random(seed).gauss(1, 2)


def noisy(sample: tuple[int, float]) -> float:
    seed, x = sample
    return math.sin(4 * x) + random.Random(seed).gauss(0, 0.2)


def decay(x: float) -> float:
    return math.exp(-x) * math.sin(30 * x)


def valley(x: float) -> float:
    return (x - 0.3) ** 2 + 0.1 * math.sin(20 * x)


def gate(x: float, steepness: float) -> float:
    return math.tanh(steepness * x)


def learners() -> dict[str, tuple[Any, dict[str, Any]]]:
    """A learner of each kind, and its goal."""
    slow = partial(partial, taking_time)
    gates = [adaptive.Learner1D(slow(partial(gate, steepness=i)), (-1, 1)) for i in range(1, 25)]
    found: dict[str, tuple[Any, dict[str, Any]]] = {
        "resonances": (adaptive.Learner1D(slow(peak), (-1, 1)), {"loss_goal": 0.002}),
        "waves": (adaptive.Learner1D(slow(waves), (-1, 1)), {"npoints_goal": 2000}),
        "ring": (adaptive.Learner2D(slow(ring), [(-1, 1), (-1, 1)]), {"npoints_goal": 2000, "on_error": "skip"}),
        "three dimensions": (adaptive.LearnerND(slow(bump), [(-1, 1)] * 3), {"npoints_goal": 3000}),
        "noise": (adaptive.AverageLearner(slow(noise), rtol=1e-5), {"npoints_goal": 5000}),
        "noisy line": (adaptive.AverageLearner1D(slow(noisy), (-1, 1)), {"npoints_goal": 3000}),
        "integral": (adaptive.IntegratorLearner(slow(decay), (0, 3), tol=1e-12), {}),
        "sequence": (adaptive.SequenceLearner(slow(math.sqrt, seconds=0.05), np.linspace(0, 1, 500)), {}),
        "gates": (adaptive.BalancingLearner(gates), {"loss_goal": 1e-3}),
        "a name that is much longer than the column of the table is wide": (
            adaptive.Learner1D(slow(peak, seconds=60.0), (-1, 1)),
            {"npoints_goal": 20},
        ),
        "waits": (
            adaptive.Learner1D(slow(peak), (-1, 1)),
            {"npoints_goal": 20, "resources": {"GPU": 1}},
        ),
    }
    if hasattr(adaptive, "SKOptLearner"):
        found["valley"] = (adaptive.SKOptLearner(slow(valley), dimensions=[(-1.0, 1.0)]), {"npoints_goal": 40})
    return found


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(exist_ok=True)
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with (
        LocalCluster(n_workers=2, threads_per_worker=4, host="127.0.0.1", dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster) as client,
        sync_playwright() as playwright,
    ):
        runners = {
            name: adaptive.Runner(learner, name=name, executor=client, **goal)
            for name, (learner, goal) in learners().items()
        }
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        address = f"http://127.0.0.1:{cluster.scheduler.http_server.port}"
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.on("pageerror", lambda error: print("error in the page:", error))
        for name in runners:
            for theme in ("light", "dark"):
                page.goto(f"{address}/adaptive?run={quote(name)}&theme={theme}")
                page.wait_for_timeout(2500)  # for pictures, and for the charts of the last seconds
                page.screenshot(path=folder / f"{theme}-{name.replace(' ', '-')[:20]}.png", full_page=True)
        for name in ("samples", "loss", "failures", "runs"):
            page.goto(f"{address}/individual-adaptive-{name}?run=ring")
            page.wait_for_timeout(2500)
            page.screenshot(path=folder / f"single-{name}.png")
        for runner in runners.values():
            runner.cancel()
        browser.close()


if __name__ == "__main__":
    main()
