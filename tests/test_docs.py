"""The documentation covers every public name, and its examples run."""

from __future__ import annotations

import ast
import inspect
import pkgutil
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import adaptive_dask
from adaptive_dask import errors, runner, testing, utils
from adaptive_dask.cli import main as commands
from adaptive_dask.learner import learner1D, learner2D, learnerND

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted(DOCS.glob("*.md"))

# Blocks that are complete: a page, and the beginning of the block.
COMPLETE = [
    ("start.md", "from dask.distributed import Client\nimport adaptive_dask"),
    ("start.md", "import adaptive_dask as adaptive\n\nlearner = adaptive.Learner1D(abs"),
    ("interpolation.md", "import math"),
    ("output.md", "from typing import"),
]
# Pages whose blocks run one after the other, each page in a process and with a cluster of its own.
GUIDES = ["logging.md"]
PREAMBLE = "import adaptive_dask as adaptive\n"


# Blocks that need a cluster and a learner, and run one after the other.
FRAGMENTS = ["checkpoints.md", "dashboard.md", "moving.md"]
SHORTER = {"/shared/scans": "scans", "10_000": "50", "loss_goal=0.01": "loss_goal=0.2"}
SURROUNDINGS = """
import adaptive_dask as adaptive
import numpy as np
from dask.distributed import Client

client = Client(processes=False, dashboard_address="127.0.0.1:0")


def f(x):
    return x * x


learner = adaptive.Learner1D(f, bounds=(-1, 1))
"""


def blocks(page: Path, language: str = "python") -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


def run(script: str, folder: Path) -> None:
    path = folder / "example.py"
    path.write_text(script)
    done = subprocess.run([sys.executable, str(path)], cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def documented() -> set[str]:
    """Return the names in the tables of the reference, without the name of the package."""
    names: set[str] = set()
    for page in (DOCS / "reference").glob("*.md"):
        prefix = ""
        for line in page.read_text().splitlines():
            if match := re.match(r"\.\. currentmodule:: adaptive_dask\.?(.*)", line):
                prefix = match[1] + "." if match[1] else ""
            elif match := re.fullmatch(r"   ([\w.]+)", line):
                names.add(prefix + match[1])
            names.update(re.findall(r"`adaptive_dask\.([\w.]+)` is (?:a dict|another name)", line))
    return names


def public_names() -> set[str]:
    names = {name for name in adaptive_dask.__all__ if not inspect.ismodule(getattr(adaptive_dask, name))}
    names -= {"__version__"}
    names |= {f"runner.{name}" for name in runner.__all__ if name not in adaptive_dask.__all__}
    names |= {f"errors.{name}" for name, value in vars(errors).items() if inspect.isclass(value) and is_own(value)}
    names |= {f"testing.{name}" for name in testing.__all__}
    names |= {f"utils.{name}" for name in utils.__all__ if name != "SequentialExecutor"}
    for module in (learner1D, learner2D, learnerND):
        here = module.__name__.removeprefix("adaptive_dask.")
        names |= {f"{here}.{name}" for name in module.__all__ if re.search(r"_loss(_function)?$", name)}
    # At the top as well, or constants of python-adaptive's that mean a loss of another name.
    return names - {"errors.Infeasible"}


def is_own(value: type) -> bool:
    return value.__module__ == errors.__name__ and not value.__name__.startswith("_")


def test_every_public_name_is_in_the_reference() -> None:
    assert public_names() - documented() == set()


def test_every_public_name_has_a_docstring() -> None:
    data = {"testing.GUARANTEES", "active_plotting_tasks"}
    assert {
        name for name in documented() - data if not inspect.getdoc(pkgutil.resolve_name(f"adaptive_dask.{name}"))
    } == set()


def test_every_page_is_in_a_table_of_contents() -> None:
    listed: set[str] = set()
    for page in PAGES:
        for block in blocks(page, re.escape("{toctree}")):
            listed |= {line.split("<")[-1].rstrip(">") for line in block.splitlines() if not line.startswith(":")}
    assert {page.stem for page in PAGES} - {"index"} <= listed


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_examples_are_python(page: Path) -> None:
    for block in blocks(page):
        compile(block, str(page), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


@pytest.mark.parametrize(("page", "start"), COMPLETE)
def test_complete_examples_run(page: str, start: str, tmp_path: Path) -> None:
    (block,) = (block for block in blocks(DOCS / page) if block.startswith(start))
    run(block, tmp_path)


@pytest.mark.long
def test_fragments_run_on_a_cluster(tmp_path: Path) -> None:
    fragments = [block for page in FRAGMENTS for block in blocks(DOCS / page)]
    assert len(fragments) == 7
    script = "runner.wait(60)\n".join(fragments)
    for long, short in SHORTER.items():
        script = script.replace(long, short)
    run(SURROUNDINGS + script + "assert learner.loss() <= 0.2\nclient.close()\n", tmp_path)
    assert (tmp_path / "scans" / "peak").is_dir()


@pytest.mark.long
@pytest.mark.parametrize("page", GUIDES)
def test_guides_run(page: str, tmp_path: Path) -> None:
    fragments = blocks(DOCS / page)
    assert fragments
    run(SURROUNDINGS + "\n".join(fragments) + "\nclient.close()\n", tmp_path)


@pytest.mark.long
def test_pictures_are_written(tmp_path: Path) -> None:
    (block,) = (block for block in blocks(DOCS / "plots.md") if block.startswith("import holoviews"))
    learner = "learner = adaptive.Learner1D(abs, bounds=(-1, 1))\nadaptive.simple(learner, npoints_goal=20)\n"
    run(PREAMBLE + learner + block, tmp_path)
    assert {path.suffix for path in tmp_path.iterdir()} == {".py", ".html", ".pdf", ".png"}


def test_extras_exist() -> None:
    project = tomllib.loads((DOCS.parent / "pyproject.toml").read_text())["project"]
    for page in PAGES:
        for extras in re.findall(r'pip install "(?:adaptive_dask|\.)\[([\w,]+)\]"', page.read_text()):
            assert project["optional-dependencies"].keys() >= set(extras.split(",")), page


def test_commands_exist() -> None:
    for page in [DOCS / "command_line.md", *PAGES]:
        for block in blocks(page, "bash"):
            for line in re.findall(r"^dask adaptive (.*)", block, re.MULTILINE):
                name, *arguments = line.split()
                commands.commands[name].make_context(name, arguments)  # raises if an argument is wrong
