"""All benchmarks as one set, with one report.

    python -m tests.benchmarks [--quick] [--list] [--output FOLDER] [names …]

Each benchmark runs in a process of its own, one after the other; quick forms run side by side. The figures go to
``benchmarks.json`` and ``benchmarks.md`` in the folder, also of those that fail or exceed their time. A report that is
there keeps the benchmarks that are not run again, unless it is one of the other form. ``--quick`` shows within a few
minutes that everything works; its figures are no measurements.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.benchmarks.reporting import COLLECTED, TITLES, Row, print_rows

PACKAGES = (
    "adaptive_dask",
    "adaptive",
    "adaptive-triangulation",
    "chaospy",
    "distributed",
    "numpy",
    "optuna",
    "scikit-learn",
    "scipy",
    "Tasmanian",
)


@dataclass(frozen=True)
class Benchmark:
    """A module of this folder.

    Attributes
    ----------
    name : str
    quick : str
        Arguments of its quick form; a module with ``rows`` needs none.
    """

    name: str
    quick: str = ""


GROUPS = {
    "Runs on a cluster": (
        Benchmark("cluster_throughput", "1 --repeat 1"),
        Benchmark("peer_engines"),
        Benchmark("simulated_cluster"),
        Benchmark("ordered_cost", "--points 200 --repeat 1"),
        Benchmark("vectorized_throughput", "--points 4000 --repeat 1"),
        Benchmark("many_runs", "--runs 32 --points 20 --peer 20"),
        Benchmark("cluster_latency", "--seconds 0.5"),
        Benchmark("cluster_start", "--repeat 1"),
        Benchmark("elastic_start", "--repeat 1"),
        Benchmark("import_time"),
        Benchmark("learner_process", "--quick"),
    ),
    "Clients, pages, files and memory": (
        Benchmark("attach_cost"),
        Benchmark("watchers_cost", "--points 2000 --repeat 1 --watchers 3"),
        Benchmark("live_cost", "--points 2000 --repeat 1"),
        Benchmark("dashboard_cost", "1 20000 pace --quick"),
        Benchmark("checkpoint_cost", "--npoints 5000 --turns 1 --long 20000"),
        Benchmark("output_cost", "--rows 1000 --grid 20 --seconds 0.5 --repeat 1"),
        Benchmark("run_memory", "--npoints 50000"),
        Benchmark("fuzz_event_loop", "--rounds 1"),
        Benchmark("chaos", "--workers 2 --schedulers 1 --clients 1 --neighbours 0"),
    ),
    "Local executors and processes": (
        Benchmark("executor_overhead", "--points 200 --rounds 1 --executors threads"),
        Benchmark("isolated_functions", "0.01"),
    ),
    "The cost of a point in a learner": (
        Benchmark("learner1D_cost", "--quick"),
        Benchmark("learner2D_cost", "--quick"),
        Benchmark("learnerND_cost", "--quick"),
        Benchmark("learners_cost", "--quick"),
        Benchmark("balancing_cost", "--quick"),
        Benchmark("space_cost"),
    ),
    "Evaluations and accuracy": (
        Benchmark("break_even", "--quick"),
        Benchmark("interpolation_error", "--quick"),
        Benchmark("triangulation_error", "200"),
        Benchmark("smooth_interpolation", "200"),
        Benchmark("integration_table", "--tol 1e-4 --families 1"),
        Benchmark("rational_points", "--quick"),
        Benchmark("rational_claims", "--count 1"),
        Benchmark("sparse_grid_error", "--functions ishigami --n 100"),
        Benchmark("sparse_grid_claims", "--n 50"),
        Benchmark("sparse_grid_limits"),
        Benchmark("feasibility", "--n 200 --dim 2 --region half_space"),
    ),
}

# Modules that benchmarks share.
SHARED = {"__init__", "__main__", "cluster_sides", "reporting", "simulated_workers", "space_runs", "virtual_time"}

# A benchmark that takes longer is ended (seconds).
TIMEOUT_S = {True: 300.0, False: 7200.0}


@dataclass
class Outcome:
    """What a benchmark has reported.

    Attributes
    ----------
    tables : list of list of list of str
        Each with its titles first.
    rows : list of dict
        See `Row`.
    output : str
        What it printed, if it reported no rows.
    trouble : str
        Why it failed.
    when : str
        The date, and how busy the machine was before.
    """

    name: str
    about: str
    command: str
    seconds: float = 0.0
    tables: list[list[list[str]]] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    output: str = ""
    trouble: str = ""
    when: str = ""


def run(benchmark: Benchmark, quick: bool) -> Outcome:
    """Run a benchmark in a process of its own."""
    arguments = ["--quick"] if quick and has_rows(benchmark.name) else benchmark.quick.split() if quick else []
    name = f"tests.benchmarks.{benchmark.name}"
    command = [sys.executable, "-m", name, *arguments]
    if has_rows(benchmark.name):
        command = [sys.executable, "-m", "tests.benchmarks", "--only", benchmark.name, *arguments]
    shown = ["python", "-m", "tests.benchmarks", benchmark.name] if has_rows(benchmark.name) else command
    outcome = Outcome(benchmark.name, about(benchmark.name), " ".join(["python", *shown[1:]]), when=present())
    with tempfile.TemporaryDirectory() as folder:
        collected = Path(folder) / "rows"
        begin = time.perf_counter()
        try:
            done = subprocess.run(
                command,
                env={**os.environ, COLLECTED: str(collected)},
                capture_output=True,
                text=True,
                timeout=TIMEOUT_S[quick],
                check=False,
            )
            outcome.output = done.stdout
            if done.returncode:
                outcome.trouble = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        except subprocess.TimeoutExpired:
            outcome.trouble = f"not finished after {TIMEOUT_S[quick]:g} s"
        outcome.seconds = time.perf_counter() - begin
        if collected.exists():
            read_collected(outcome, collected.read_text().splitlines())
    return outcome


def read_collected(outcome: Outcome, lines: list[str]) -> None:
    """Take the rows that a benchmark has written."""
    for entry in map(json.loads, lines):
        if "row" in entry:
            outcome.rows.append(entry["row"])
        elif outcome.tables and len(outcome.tables[-1][0]) == len(entry["cells"]):
            outcome.tables[-1].append(entry["cells"])
        else:
            outcome.tables.append([entry["cells"]])
    if outcome.rows or outcome.tables:
        outcome.output = ""


def has_rows(name: str) -> bool:
    """Return whether a module has a function ``rows``."""
    return "\ndef rows(" in source(name)


def about(name: str) -> str:
    """The first paragraph of the docstring of a module."""
    return source(name).split('"""')[1].split("\n\n")[0].replace("\n", " ")


def source(name: str) -> str:
    """The source of a module, which is not imported, because some replace clocks before they import anything."""
    return (Path(__file__).parent / f"{name}.py").read_text()


def machine() -> dict[str, str]:
    """What the figures depend on."""
    versions = {"Python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "not installed"
    if versions["adaptive_dask"] == "not installed":
        versions["adaptive_dask"] = importlib.import_module("adaptive_dask").__version__
    return {
        "machine": f"{platform.machine()}, {os.cpu_count()} processors, {platform.system()} {platform.release()}",
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
        "command": "`python -m tests.benchmarks`, or with names those alone",
    }


def present() -> str:
    """The date, and the load of the last minute."""
    return f"{datetime.now(UTC):%Y-%m-%d}, load {os.getloadavg()[0]:.1f}"


def as_markdown(report: dict[str, Any]) -> str:
    """The report as a page."""
    lines = ["# Benchmarks", "", *report["notes"], ""]
    lines += [f"- {name}: {value}" for name, value in report["conditions"].items()]
    for group, benchmarks in GROUPS.items():
        outcomes = [report["outcomes"][each.name] for each in benchmarks if each.name in report["outcomes"]]
        if outcomes:
            lines += ["", f"## {group}"]
        for outcome in outcomes:
            lines += ["", f"### {outcome['name']}", "", outcome["about"], ""]
            lines += [f"`{outcome['command']}`, {outcome['seconds']:.0f} s, {outcome['when']}", ""]
            if outcome["rows"]:
                lines += as_table([TITLES, *(Row(**row).cells for row in outcome["rows"])])
            for table in outcome["tables"]:
                lines += [*as_table(table), ""]
            if outcome["output"].strip():
                lines += ["```text", outcome["output"].rstrip(), "```", ""]
            if outcome["trouble"]:
                lines += ["", f"It failed: {outcome['trouble']}"]
    others = [each.name for group in GROUPS.values() for each in group if each.name not in report["outcomes"]]
    if others:
        lines += ["", "## Not run for this report", "", ", ".join(f"`{name}`" for name in others)]
    return "\n".join(lines).rstrip() + "\n"


def as_table(rows: list[list[str]]) -> list[str]:
    """A table in Markdown; the first row has the titles."""
    texts = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return [texts[0], "|---" * len(rows[0]) + "|", *texts[1:]]


def notes(quick: bool) -> list[str]:
    """What the figures say, and what they do not."""
    texts = [
        "All figures of a table are from one run; where there is another side, both took turns. Ratios hold on other",
        "machines, absolute figures do not. Scheduler, client and workers share the processors of one machine, and the",
        "network is its loopback, so the latency of a real network and the scheduler's machine of its own are missing.",
        "Functions sleep instead of computing, as computing ones would compete with the scheduler. The simulated",
        "cluster leaves out the system calls of sockets and the heartbeats of workers. A goal of the project is what",
        "a figure needs to reach; `MISSED` says that it did not.",
    ]
    if quick:
        texts += ["", "**These are quick forms: they show that everything works, and measure nothing.**"]
    return texts


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="of benchmarks; all by default")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--list", action="store_true", help="only print the names")
    parser.add_argument("--output", default=".", help="the folder of the report")
    parser.add_argument("--only", help=argparse.SUPPRESS)  # a benchmark, in this process
    return parser.parse_args()


def main() -> None:
    arguments = parse()
    if arguments.only:
        print_rows(importlib.import_module(f"tests.benchmarks.{arguments.only}").rows(arguments.quick))
        return
    known = {each.name: each for benchmarks in GROUPS.values() for each in benchmarks}
    unknown = set(arguments.names) - set(known)
    if unknown:
        sys.exit(f"no such benchmarks: {', '.join(sorted(unknown))}; --list shows all")
    if arguments.list:
        print(*(f"{name:24}{about(name)}" for name in known), sep="\n")
        return
    report: dict[str, Any] = {"notes": notes(arguments.quick), "conditions": machine(), "outcomes": {}}
    folder = Path(arguments.output)
    folder.mkdir(parents=True, exist_ok=True)
    before = folder / "benchmarks.json"
    if before.exists() and (found := json.loads(before.read_text()))["notes"] == report["notes"]:
        report["outcomes"] = {name: each for name, each in found["outcomes"].items() if name in known}
    names = arguments.names or list(known)
    # Quick forms mostly wait, for processes to start and for functions that sleep.
    pool = ThreadPoolExecutor(2 * (os.cpu_count() or 1) if arguments.quick else 1)
    for name, outcome in zip(names, pool.map(lambda name: run(known[name], arguments.quick), names), strict=True):
        print(f"{name:24}{outcome.seconds:8.1f} s  {outcome.trouble or 'ok'}", flush=True)
        report["outcomes"][name] = asdict(outcome)
        (folder / "benchmarks.json").write_text(json.dumps(report, indent=1))
        (folder / "benchmarks.md").write_text(as_markdown(report))
    if any(report["outcomes"][name]["trouble"] for name in names):
        sys.exit(1)


if __name__ == "__main__":
    main()
