"""The documentation covers every public name, and names only what exists. `test_docs_run` runs its examples."""

from __future__ import annotations

import ast
import inspect
import pkgutil
import re
import tomllib
from pathlib import Path

import pytest

import adaptive_dask
from adaptive_dask import errors, runner, testing, utils
from adaptive_dask.cli import main as commands
from adaptive_dask.learner import learner1D, learner2D, learnerND

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))


def blocks(page: Path, language: str = "python") -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


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


@pytest.mark.parametrize("page", ["docs/design.md", "CONTRIBUTING.md"])
def test_files_that_are_named_exist(page: str) -> None:
    files = {path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py")}
    ends = {
        name[start:] for name in files for start in (0, *(k + 1 for k, letter in enumerate(name) if letter in "/_"))
    }
    assert set(re.findall(r"`([\w/]+\.py)`", (ROOT / page).read_text())) - ends == set()


def test_the_design_has_every_file_of_a_run() -> None:
    text = (ROOT / "docs/design.md").read_text()
    table = text[text.index("| file (`cluster/scheduler_…`)") :].partition("\n\n")[0]
    package = ROOT / "adaptive_dask"
    ours = {path.name.removeprefix("scheduler_") for path in package.glob("cluster/scheduler_*.py")}
    assert set(re.findall(r"`(\w+\.py)`", table)) == ours
    assert {path.name for path in package.glob("run/[!_]*.py")} == set(re.findall(r"`run/(\w+\.py)`", text))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_examples_are_python(page: Path) -> None:
    for block in blocks(page):
        compile(block, str(page), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


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


def anchor_of(heading: str) -> str:
    """Return the anchor of a heading, as GitHub and MyST make it."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def without_code(page: Path) -> str:
    return re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", [*ROOT.glob("*.md"), *DOCS.rglob("*.md")], ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", without_code(page)):
        name, _, anchor = link.partition("#")
        if link.startswith("https://"):
            assert re.match(r"https://[\w.-]+\.[a-z]+(/|$)", link), link
            continue
        target = page.parent / name if name else page
        if target.parent.name == "tutorials":  # copies of the notebooks that the build makes
            (target,) = ROOT.glob(f"examples/**/{target.name}")
        assert target.exists(), link
        if anchor:
            headings = re.findall(r"^#+ (.*)$", without_code(target), re.MULTILINE)
            assert anchor in map(anchor_of, headings), link


@pytest.mark.parametrize("page", [*ROOT.glob("*.md"), *DOCS.glob("*.md")], ids=lambda page: page.stem)
def test_tables_have_all_their_rows(page: Path) -> None:
    # An empty line in a table would make a paragraph of the rows below.
    for table in re.findall(r"(?:^\| .*\n)(?:^\|.*\n?)*", without_code(page), re.MULTILINE):
        lines = table.splitlines()
        assert re.fullmatch(r"[-|: ]+", "".join(lines[1:2])), lines[0]
        assert len(lines) > 2, lines[0]
