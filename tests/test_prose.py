"""The documentation uses one term for each thing, and avoids unclear phrases."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# What to write instead. Add a phrase when a review finds it.
INSTEAD = {
    r"under way|on (its|their) way": "in flight (points), running (everything else)",
    r"so (many|much|long)": "the number, the amount or the time",
    r"whoever|whatever": "every client that …, any value that …",
    r"anew(?! :)": "again",
    r"nobody": "no client, no process",
    r"one's": "your",
    r"(?-i:what is)": "the noun",
    r"is over": "has ended",
    r"but for": "except",
    r"go(es)? on": "continue, resume",
}
BANNED = re.compile(rf"\b({'|'.join(INSTEAD)})\b", re.IGNORECASE)

PAGES = sorted(ROOT.glob("*.md")) + sorted((ROOT / "docs").glob("*.md"))
NOTEBOOKS = sorted(ROOT.glob("examples/**/*.ipynb"))
# Packages whose docstrings are checked as well, besides the modules at the top.
CHECKED_PACKAGES = (
    "cluster",
    "command",
    "dashboard",
    "isolated",
    "learner",
    "local",
    "notebook",
    "plotting",
    "run",
    "runner",
    "storage",
    "testing",
)
MODULES = [*(ROOT / "adaptive_dask").glob("*.py")]
MODULES += [path for name in CHECKED_PACKAGES for path in (ROOT / "adaptive_dask" / name).rglob("*.py")]


def prose_of_page(path: Path) -> str:
    """Return a Markdown page without its blocks and spans of code."""
    return re.sub(r"```.*?```|`[^`]*`", "", path.read_text(), flags=re.DOTALL)


def prose_of_notebook(path: Path) -> str:
    """Return the Markdown cells of a notebook."""
    cells = json.loads(path.read_text())["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def prose_of_module(path: Path) -> str:
    """Return the docstrings of a module."""
    places = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    found = (ast.get_docstring(node) for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, places))
    return "\n".join(text for text in found if text)


def check(text: str) -> None:
    """Fail if a text has a phrase of `INSTEAD`."""
    text = " ".join(text.split())
    found = [text[max(0, match.start() - 30) : match.end() + 30] for match in BANNED.finditer(text)]
    assert not found, "write plainer English here:\n" + "\n".join(found)


def test_the_check_finds_what_it_should() -> None:
    with pytest.raises(AssertionError, match="plainer English"):
        check("Points that are under\nway.")
    check("Points in flight.")


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_pages(path: Path) -> None:
    check(prose_of_page(path))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks(path: Path) -> None:
    check(prose_of_notebook(path))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_docstrings(path: Path) -> None:
    check(prose_of_module(path))
