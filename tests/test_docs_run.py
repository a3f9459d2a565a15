"""The Python blocks of the README and of every page of the documentation run, one after the other.

A block that cannot run on one machine has a comment in the line before it, which the page does not show::

    <!-- not run: needs Kubernetes -->
"""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

BLOCK = re.compile(r"(<!-- not run: \S[^\n]* -->\n)? *```python\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
GUARD = 'if __name__ == "__main__":'

NAMES = """
import adaptive_dask as adaptive
import numpy as np


def f(x):
    return x * x


learner = adaptive.Learner1D(f, bounds=(-1, 1))
"""
CLUSTER = """
from dask.distributed import Client

client = Client(processes=False, dashboard_address="127.0.0.1:0")
"""
# What a page's blocks need besides.
SETUP = {
    "output.md": """
import pandas

runner = adaptive.Runner(learner, npoints_goal=10)
runner.result()
""",
    "plots.md": """
from typing import Annotated, NamedTuple

adaptive.simple(learner, npoints_goal=20)
""",
    "programs.md": """
from pathlib import Path

solver = Path("solver")
solver.write_text("#!/bin/sh\\necho transmission = 0.5\\n")
solver.chmod(0o755)
""",
    "runner.md": """
def make_function(a):
    return lambda x: x**2 + a


coarse, fine, check = (adaptive.Learner1D(f, bounds=(-1, 1)) for _ in range(3))
""",
    "spaces.md": """
from adaptive_dask import Int, Periodic


def reflectivity(layers, energy):
    return energy / layers


def torque(angle, current):
    return current * np.sin(np.radians(angle))


def gap(energy, material):
    return energy + len(material)
""",
}

# Files that the blocks of a page write.
WRITTEN = {"checkpoints": ["shared/scans/peak"], "plots": ["scan.html", "scan.pdf", "scan.png"]}

# What would take long, or is only on a cluster.
INSTEAD = {
    "/shared/": "shared/",
    "10_000": "50",
    "loss_goal=0.01": "loss_goal=0.2",
    '"ib0"': '"lo"',
    "s3://bucket/": "memory://bucket/",
    "1000)]": "20)]",
}


class Script(NamedTuple):
    """Blocks of a page that run in one process."""

    name: str
    text: str


def scripts_of(page: Path) -> list[Script]:
    """Return the blocks of a page as one script, and those that start processes as scripts of their own."""
    found = BLOCK.findall(page.read_text())
    blocks = [textwrap.dedent(block) for mark, block in found if not mark]
    setup = NAMES + SETUP.get(page.name, "")
    alone = [Script(f"{page.stem}-{i}", setup + block) for i, block in enumerate(blocks) if GUARD in block]
    if together := [block for block in blocks if GUARD not in block]:
        alone.append(Script(page.stem, CLUSTER + setup + "\n".join(together) + "\nclient.close()\n"))
    return alone


@pytest.mark.long
@pytest.mark.parametrize("script", [script for page in PAGES for script in scripts_of(page)], ids=lambda s: s.name)
def test_blocks_run(script: Script, tmp_path: Path) -> None:
    text = script.text
    for long, short in INSTEAD.items():
        text = text.replace(long, short)
    path = tmp_path / "example.py"
    path.write_text(text)
    done = subprocess.run([sys.executable, str(path)], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr + text
    for name in WRITTEN.get(script.name, []):
        assert (tmp_path / name).exists()


def test_every_block_is_found() -> None:
    for page in PAGES:
        text = page.read_text()
        assert len(BLOCK.findall(text)) == text.count("```python\n"), page


def test_marks_stand_before_blocks() -> None:
    for page in PAGES:
        text = page.read_text()
        assert text.count("<!-- not run") == sum(bool(mark) for mark, _ in BLOCK.findall(text)), page
