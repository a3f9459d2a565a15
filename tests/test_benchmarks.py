"""The set of benchmarks: complete, and with a report."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from .benchmarks import __main__ as benchmarks
from .benchmarks.reporting import Row

FOLDER = Path(__file__).parent / "benchmarks"
ROOT = FOLDER.parents[1]
ENVIRONMENT = {**os.environ, "PYTHONSAFEPATH": ""}  # the folder `tests` is found in the current one
KNOWN = [each for group in benchmarks.GROUPS.values() for each in group]


def test_every_benchmark_is_in_the_set_once() -> None:
    names = [each.name for each in KNOWN]
    assert len(set(names)) == len(names)
    assert {path.stem for path in FOLDER.glob("*.py")} - benchmarks.SHARED == set(names)


@pytest.mark.parametrize("benchmark", KNOWN, ids=lambda benchmark: benchmark.name)
def test_every_benchmark_can_be_run(benchmark: benchmarks.Benchmark) -> None:
    source = benchmarks.source(benchmark.name)
    assert "\ndef rows(" in source or 'if __name__ == "__main__":' in source
    assert benchmarks.about(benchmark.name)
    assert not (benchmark.quick and benchmarks.has_rows(benchmark.name))


def test_a_report_is_written(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.benchmarks", "--quick", "--output", str(tmp_path), "sparse_grid_limits"]
    subprocess.run(command, check=True, cwd=ROOT, env=ENVIRONMENT, capture_output=True)
    report = json.loads((tmp_path / "benchmarks.json").read_text())
    assert report["outcomes"]["sparse_grid_limits"]["trouble"] == ""
    page = (tmp_path / "benchmarks.md").read_text()
    assert "### sparse_grid_limits" in page
    assert "measure nothing" in page
    assert "numpy" in page
    # Benchmarks that are not run again are kept.
    report["outcomes"]["chaos"] = report["outcomes"]["sparse_grid_limits"] | {"name": "chaos", "trouble": "lost"}
    (tmp_path / "benchmarks.json").write_text(json.dumps(report))
    subprocess.run(command, check=True, cwd=ROOT, env=ENVIRONMENT, capture_output=True)
    page = (tmp_path / "benchmarks.md").read_text()
    assert "### sparse_grid_limits" in page
    assert "It failed: lost" in page


def test_a_benchmark_that_fails_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmarks, "source", lambda name: '"""About it."""')
    outcome = benchmarks.run(benchmarks.Benchmark("that_does_not_exist"), quick=True)
    assert "that_does_not_exist" in outcome.trouble
    report = {"notes": [], "conditions": {}, "outcomes": {}}
    assert "# Benchmarks" in benchmarks.as_markdown(report)


def test_names_that_are_unknown_are_refused() -> None:
    command = [sys.executable, "-m", "tests.benchmarks", "nonsense"]
    done = subprocess.run(command, check=False, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 1
    assert "no such benchmarks: nonsense" in done.stderr


@pytest.mark.parametrize(
    ("row", "needed"),
    [
        (Row("busy", 0.9, 0.8), "≥ 0.8 ok"),
        (Row("busy", 0.7, 0.8), "≥ 0.8 MISSED"),
        (Row("ms", 4.0, 5.0, at_most=True), "≤ 5 ok"),
        (Row("ms", float("nan"), 5.0, at_most=True), "≤ 5 MISSED"),
        (Row("ms", None, 5.0, note="not installed"), ""),
    ],
)
def test_a_row_says_whether_its_goal_is_reached(row: Row, needed: str) -> None:
    assert row.cells[2] == needed
    assert len(row.cells) == len(benchmarks.TITLES)


def test_a_row_has_a_ratio_to_the_other_side() -> None:
    assert Row("points/s", 1200.0, beside=4.0).cells[1:5] == ["1,200", "", "4", "300"]
    assert Row("points/s", 1.0, beside=0.0).cells[4] == ""
