"""Malformed, foreign, duplicate and late messages.

Shared by `test_bad_input` and ``tests/benchmarks/fuzz_event_loop.py``.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from adaptive_dask.cluster.protocol import Route

ODD = [
    None,
    True,
    0,
    -1,
    10**18,
    2**63 - 1,
    -(2**63),
    0.5,
    1e308,
    float("nan"),
    float("inf"),
    "",
    "text",
    b"",
    b"bytes",
]


def junk(rng: random.Random, depth: int = 2) -> Any:
    """Anything that a message can carry."""
    kind = rng.randrange(6 if depth else 4)
    if kind < 4:
        return rng.choice([*ODD, rng.randrange(300), rng.uniform(-1, 1)])
    inner = [junk(rng, depth - 1) for _ in range(rng.randrange(4))]
    return inner if kind == 4 else {str(key): value for key, value in enumerate(inner)}


def ids(rng: random.Random, n: int) -> list[int]:
    """Of points that are late, doubled, foreign, or under way."""
    return [rng.choice([rng.randrange(-3, 300), 10**9, 2**62]) for _ in range(n)]


def number(rng: random.Random) -> float:
    return rng.choice([0.0, 1e-3, -1.0, 1e308, float(10**18), float("nan"), float("inf"), rng.uniform(0, 1e6)])


WILD: dict[str, Callable[[random.Random], Any]] = {
    "slots": lambda rng: rng.choice([junk(rng), rng.randrange(5), 10**18]),
    "returned": lambda rng: rng.choice([junk(rng), ids(rng, 3)]),
    "failures": junk,
    "echo": lambda rng: rng.choice([junk(rng), (number(rng), number(rng))]),
    "seconds_of_failures": lambda rng: rng.choice([junk(rng), number(rng)]),
    "lifetime": lambda rng: rng.choice([junk(rng), (number(rng), number(rng))]),
    "durations": junk,
    "values": junk,
    "ids": junk,
    "unknown": junk,
}


def make_report(rng: random.Random) -> dict[str, Any]:
    """A report with few things in it that are wrong, or the whole of it would be refused for the first."""
    report: dict[str, Any] = {}
    if rng.random() < 0.5:
        n = rng.randrange(4)
        report = {"ids": ids(rng, n), "values": [rng.uniform(-2, 2) for _ in range(n)]}
        report["durations"] = [abs(number(rng)) if rng.random() < 0.2 else 0.01 for _ in range(n)]
    for name in rng.sample(list(WILD), rng.randrange(3)):
        report[name] = WILD[name](rng)
    return report


ARGUMENTS: dict[Route, list[str]] = {
    Route.START: ["spec"],
    Route.START_MANY: ["specs"],
    Route.RUNS: [],
    Route.WATCH: ["watcher", "runs", "interval", "timeout"],
    Route.NUDGE: ["watcher"],
    Route.SNAPSHOT: ["name", "run_id"],
    Route.INSPECT: ["name", "log_from"],
    Route.CALL: ["name", "payload"],
    Route.TELL: ["name", "points", "values"],
    Route.DROP: ["name", "points", "ids", "run_id"],
    Route.GOAL: ["name", "goal", "run_id"],
    Route.CONTROL: ["name", "action", "run_id"],
    Route.FUNCTION: ["run", "worker", "lifetime"],
    Route.KEEP: ["run", "worker", "key", "nbytes"],
}


def make_request(rng: random.Random, run_id: str) -> tuple[Route, dict[str, Any]]:
    """A route with arguments of the right names, mostly, and little sense; about the run of that id, and others."""
    route = rng.choice(list(ARGUMENTS))
    arguments = {name: junk(rng) for name in ARGUMENTS[route] if rng.random() < 0.9}
    if "name" in arguments and rng.random() < 0.5:
        arguments["name"] = "victim"
    if "run_id" in arguments and rng.random() < 0.7:
        arguments["run_id"] = rng.choice([None, run_id])
    if route is Route.WATCH and rng.random() < 0.7:
        arguments["watcher"] = "w"
        runs = [
            [junk(rng), run_id, junk(rng), junk(rng)],
            [rng.randrange(3), run_id, *ids(rng, 2)],
            [0, "none", 0, 0],
        ]
        arguments["runs"] = rng.sample(runs, rng.randrange(4))
        arguments |= {name: rng.choice([number(rng), 0, -1]) for name in ("interval", "timeout") if rng.random() < 0.8}
    if rng.random() < 0.1:
        arguments["odd"] = junk(rng)
    return route, arguments
