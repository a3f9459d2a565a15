"""Every notebook in examples/ runs from top to bottom, and is in the repository as an author leaves it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import nbformat
import pytest

from .conftest import FOLDER, Executed
from .kernel import complaints, errors, shown

NOTEBOOKS = sorted(str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*.ipynb") if "." not in path.parent.name)
# What runs in tests/slurm, for it needs a SLURM.
ELSEWHERE = {"slurm/slurm.ipynb"}

# What Dask logs when a worker is closed while it evaluates, or on a machine with too much to do.
OF_DASK = r"^[-\d]+ [\d:,]+ - distributed\.[\w.]+ - (INFO|WARNING) - .*\n"
# Of somebody's machine: a user's folder, an address, a temporary folder.
PERSONAL = r"/(home|Users|root|tmp|work|mnt)/\w|\b(?!127\.0\.0\.1)\d+\.\d+\.\d+\.\d+\b"


def test_there_is_one_for_every_learner() -> None:
    for name in ("learner1D", "learner2D", "learnerND", "average_learner", "average_learner1D", "integrator_learner"):
        assert f"{name}.ipynb" in NOTEBOOKS
    assert {"rational_learner1D.ipynb", "sparse_grid_learner.ipynb"} <= set(NOTEBOOKS)
    for name in ("sequence_learner", "balancing_learner", "data_saver", "skopt_learner"):
        assert f"{name}.ipynb" in NOTEBOOKS
    assert {"spaces.ipynb", "labelled_output.ipynb", "feasibility.ipynb"} <= set(NOTEBOOKS)
    assert set(NOTEBOOKS) >= ELSEWHERE


@pytest.mark.parametrize("executes", sorted(set(NOTEBOOKS) - ELSEWHERE))
def test_it_runs(executes: str, executed: Executed) -> None:
    notebook = executed(executes)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in code)
    for cell in code:
        assert bool(errors(cell)) == ("raises-exception" in cell.metadata.get("tags", ())), cell.source
    assert any(shown(cell, "text/html") for cell in code), "it shows no picture"
    assert re.sub(OF_DASK, "", complaints(notebook), flags=re.MULTILINE) == ""


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_it_is_kept_without_outputs(name: str) -> None:
    text = (FOLDER / name).read_text()
    notebook = nbformat.reads(text, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == [], cell.source
            assert cell.execution_count is None, cell.source
    assert set(notebook.metadata) <= {"kernelspec", "language_info"}
    assert notebook.metadata.kernelspec.name == "python3"
    assert text == nbformat.writes(notebook) + "\n"  # as Jupyter writes it
    assert not re.search(PERSONAL, json.dumps([cell.source for cell in notebook.cells]))
    assert notebook.cells[0].source.startswith("# ")


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_its_links_lead_somewhere(name: str) -> None:
    notebook = nbformat.read(FOLDER / name, as_version=4)
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    links = [link for link in re.findall(r"\]\(([^)]+)\)", text) if not link.startswith("https://")]
    for link in links:
        assert ((FOLDER / name).parent / link.partition("#")[0]).exists(), link


def test_the_docs_list_all_of_them() -> None:
    page = (Path(__file__).parents[2] / "docs" / "examples.md").read_text()
    for name in NOTEBOOKS:
        assert f"tutorials/{Path(name).stem}\n" in page
