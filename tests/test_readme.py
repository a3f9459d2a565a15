"""The README's example runs, and its commands and links are of things that exist."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from .patience import HEARTBEAT

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def test_fits_on_one_screen() -> None:
    (example,) = blocks("python")
    assert len([line for line in example.splitlines() if line.strip()]) <= 15
    assert len(README.splitlines()) <= 60


def test_the_example_runs(tmp_path: Path) -> None:
    (example,) = blocks("python")
    script = tmp_path / "example.py"
    script.write_text(example)
    done = subprocess.run([sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in HEARTBEAT.sub("", done.stderr), done.stderr
    assert "peak: finished" in done.stdout
    result = re.search(r"^(\d+) points, loss ([\d.e-]+)$", done.stdout, re.MULTILINE)
    assert result is not None, done.stdout
    assert float(result[2]) <= 0.01


def test_the_commands_name_what_there_is() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    commands = blocks("bash")[0].splitlines()
    assert commands == [
        'pip install ".[notebook]" && python examples/quickstart.py',
        'pip install ".[test]" && pytest',
    ]
    assert {"notebook", "test"} <= extras.keys()
    assert (ROOT / "examples" / "quickstart.py").is_file()


def test_the_gate_runs_the_commands() -> None:
    gate = ROOT / ".ci" / "run"
    assert os.access(gate, os.X_OK)
    text = gate.read_text()
    assert 'bash -ec "$(readme_command 1)"' in text
    assert re.search(r'PYTEST_ADDOPTS="[^"]* --long [^"]*" bash -ec "\$\(readme_command 2\)"', text)


def test_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)]+)\)", README)
    local = [link for link in links if not link.startswith("https://")]
    assert local
    for link in local:
        path, _, anchor = link.partition("#")
        assert (ROOT / path).exists(), link
        headings = re.findall(r"^#+ (.*)", (ROOT / path).read_text(), re.MULTILINE) if anchor else []
        assert not anchor or anchor in {re.sub(r"[^\w -]", "", each).lower().replace(" ", "-") for each in headings}
