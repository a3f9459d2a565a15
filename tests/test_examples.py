"""Every example runs as a user would run it, and shows what it promises."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .patience import HEARTBEAT

pytestmark = pytest.mark.long

EXAMPLES = Path(__file__).parents[1] / "examples"


def run(script: Path, folder: Path) -> str:
    """What a script prints; run in a folder, with every warning an error."""
    environment = {**os.environ, "MPLBACKEND": "agg", "PYTHONWARNINGS": "error::UserWarning"}
    done = subprocess.run(
        [sys.executable, str(script)], cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in HEARTBEAT.sub("", done.stderr), done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    folder = tmp_path_factory.mktemp("quickstart")
    return run(EXAMPLES / "quickstart.py", folder), folder


def test_quickstart_shows_dashboard_and_progress(quickstart: tuple[str, Path]) -> None:
    output, _ = quickstart
    assert re.search(r"^Dashboard: http://127\.0\.0\.1:\d+/adaptive\?run=tunnelling$", output, re.MULTILINE)
    assert re.search(r": finished \| .* \d\d points", output)


def test_quickstart_needs_few_points(quickstart: tuple[str, Path]) -> None:
    output, _ = quickstart
    row = r"^{} +(?:> )?([\d,]+) +([\d,]+) +([\d.e-]+)$"
    sides = [
        re.search(row.format(side), output, re.MULTILINE) for side in ("RationalLearner1D", "Learner1D", "uniform grid")
    ]
    needed, points, errors = zip(
        *((float(cell.replace(",", "")) for cell in side.groups()) for side in sides if side), strict=True
    )
    rational, linear, uniform = needed
    assert rational <= 45
    assert points[0] < 100
    assert linear > 15 * rational
    assert uniform > 1000 * linear
    # The logarithm is large where the amplitude is small, and its error depends on the order of results.
    assert errors[0] < 1e-2
    assert max(errors[1:]) < 1e-3


def test_quickstart_finds_every_resonance(quickstart: tuple[str, Path]) -> None:
    output, _ = quickstart
    rows = re.findall(r"^ *([\d.]+) meV +([\d.]+) µeV$", output, re.MULTILINE)
    energies, widths = zip(*(map(float, row) for row in rows), strict=True)
    assert energies == pytest.approx((57.7635, 59.9602, 207.6645, 223.1368), abs=2e-4)
    assert widths == pytest.approx((1.2466, 1.4102, 152.976, 276.612), rel=1e-3)


def test_quickstart_draws(quickstart: tuple[str, Path]) -> None:
    _, folder = quickstart
    assert [path.name for path in folder.glob("*.png")] == ["quickstart.png"]
    assert (folder / "quickstart.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler, cc")
def test_pendulum_runs_a_program_and_continues(tmp_path: Path) -> None:
    for _ in range(2):  # the second time, everything is there
        output = run(EXAMPLES / "pendulum.py", tmp_path)
        errors = [float(error) for error in re.findall(r"° +[\d.]+ +([\d.e-]+)$", output, re.MULTILINE)]
        assert len(errors) == 12
        assert max(errors) < 1e-6
        assert re.search(r"^60 points; the last one is in pendulum/runs/179\.9_", output, re.MULTILINE)
        folders = [each for each in (tmp_path / "pendulum" / "runs").iterdir() if each.name != ".finished"]
        assert len(folders) == 60
