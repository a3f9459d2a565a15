"""Every example runs as a user would run it, and shows what it promises."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


def run(script: Path, folder: Path) -> str:
    """What a script prints; run in a folder, with every warning an error."""
    environment = {**os.environ, "MPLBACKEND": "agg", "PYTHONWARNINGS": "error::UserWarning"}
    done = subprocess.run(
        [sys.executable, str(script)], cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    folder = tmp_path_factory.mktemp("quickstart")
    return run(EXAMPLES / "quickstart.py", folder), folder


def test_quickstart_shows_dashboard_and_progress(quickstart: tuple[str, Path]) -> None:
    output, _ = quickstart
    assert re.search(r"^Dashboard: http://127\.0\.0\.1:\d+/adaptive\?run=tunnelling$", output, re.MULTILINE)
    assert re.search(r": finished \| .* 1000 points", output)


def test_quickstart_beats_the_uniform_grid(quickstart: tuple[str, Path]) -> None:
    output, _ = quickstart
    row = r"^{} +1,000 .* ([\d.e-]+) +([\d.e-]+)$"
    adaptive, uniform = (re.search(row.format(side), output, re.MULTILINE) for side in ("adaptive", "uniform"))
    assert adaptive is not None
    assert uniform is not None
    mean, largest = map(float, adaptive.groups())
    assert mean < float(uniform[1]) / 4
    assert largest < float(uniform[2]) / 100


def test_quickstart_finds_every_resonance(quickstart: tuple[str, Path]) -> None:
    output, _ = quickstart
    rows = re.findall(r"^ *([\d.]+) meV +([\d.]+) µeV +([\d.]+) +([\d.]+)$", output, re.MULTILINE)
    assert len(rows) == 4
    widths, adaptive, uniform = ([float(row[i]) for row in rows] for i in (1, 2, 3))
    assert min(widths) == pytest.approx(1.2, abs=0.1)
    assert min(adaptive) > 0.98
    assert max(uniform[:2]) < 0.01


def test_quickstart_draws(quickstart: tuple[str, Path]) -> None:
    _, folder = quickstart
    assert [path.name for path in folder.glob("*.png")] == ["quickstart.png"]
    assert (folder / "quickstart.png").read_bytes().startswith(b"\x89PNG")
