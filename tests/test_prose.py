"""The documentation uses one term for each thing, and avoids unclear phrases."""

from __future__ import annotations

import ast
import json
import re
import tokenize
from pathlib import Path

import pytest

pytestmark = pytest.mark.long  # of the text of the code: for those who change it

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

# The same for the code of `STRICT`, where comments are checked as well.
INSTEAD_IN_CODE = {
    r"makes? no sense": "is invalid",
    r"some(body|one)|anybody": "a user, another process",
    r"by how much|how (many|much|often) (it|they) (is|are|was|has|have)": "the amount, the number",
    r"(that|than|as) there (is|are) (to|when|now)": "the noun",
    r"all the same": "nevertheless, as well",
    r"tak(e|es|ing) in": "add, include",
    r"look(s|ing)? at": "use, check, read",
    r"(brings?|kept?|keeps?) up to date": "update",
    r"lets? go of": "release",
    r"left out|leaves? out": "omit",
    r"also (if|when|while|where)": "even if",
    r"of (it|them) there (is|are)": "the noun",
}
BANNED_IN_CODE = re.compile(rf"\b({'|'.join(INSTEAD_IN_CODE)})\b", re.IGNORECASE)
# A description begins with a noun ("Number of points."), not with a clause ("How many points there are.").
FRAGMENT = re.compile(
    r"^ *(How|Where|What|Which|By how|At how|For how|With how|That of|Those of|Something)\b.*", re.MULTILINE
)
# The summary of a function is in the imperative, as in numpydoc: "Return the …".
NOT_IMPERATIVE = re.compile(r"(A|An|The|True|False|Whether|How|What|Where|Which|Number of|[A-Z][a-z]+(s|tion)) ")
IMPERATIVE_IN_S = re.compile(r"(Pass|Process|Guess|Compress|Address|Express|Position) ")
# `name must be …, got …`, and then what to do.
NOT_THE_PATTERN = re.compile(r"(must|takes?|should|is|are) [^.]*, not \{\}|must [^.]*; found|[Ee]xpected .* found")

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
    "testing",
)
# Packages and modules whose code follows the rules for code, too.
STRICT = (
    *("cluster", "command", "dashboard", "isolated", "learner", "local", "notebook", "plotting", "run", "runner"),
    "storage",
    "testing",
)
MODULES = [*(ROOT / "adaptive_dask").glob("*.py")]
MODULES += [path for name in CHECKED_PACKAGES for path in (ROOT / "adaptive_dask" / name).rglob("*.py")]
STRICT_MODULES = [*(ROOT / "adaptive_dask").glob("*.py")]
STRICT_MODULES += [path for name in STRICT for path in (ROOT / "adaptive_dask" / name).rglob("*.py")]


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


def comments_of_module(path: Path) -> str:
    """Return the comments of a module."""
    with path.open("rb") as file:
        found = [
            token.string[1:].strip() for token in tokenize.tokenize(file.readline) if token.type == tokenize.COMMENT
        ]
    return "\n".join(found)


def summaries_of_module(path: Path) -> list[str]:
    """Return the first lines of the docstrings of functions.

    Not those of properties, and of the guarantees of learners, which users read as statements.
    """
    functions = [
        node
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and not any("property" in ast.unparse(each) for each in node.decorator_list)
        and not (path.name.startswith("guarantees_") and ast.unparse(node.args) == "subject: Subject")
    ]
    return [text.partition("\n")[0] for text in map(ast.get_docstring, functions) if text]


def errors_of_module(path: Path) -> list[str]:
    """Return the texts of errors that are raised or returned, with ``{}`` for values."""
    calls = [
        node
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Error")
    ]
    texts = [argument for call in calls for argument in call.args if isinstance(argument, ast.JoinedStr)]
    return [
        "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in text.values) for text in texts
    ]


def check(text: str, banned: re.Pattern[str] = BANNED) -> None:
    """Fail if a text has a phrase of `INSTEAD`."""
    text = " ".join(text.split())
    found = [text[max(0, match.start() - 30) : match.end() + 30] for match in banned.finditer(text)]
    assert not found, "write plainer English here:\n" + "\n".join(found)


def is_imperative(summary: str) -> bool:
    """Return False if the first word of a summary is an article, a noun in the plural, or a verb with an s."""
    return not NOT_IMPERATIVE.match(summary) or IMPERATIVE_IN_S.match(summary) is not None


def test_the_check_finds_what_it_should() -> None:
    with pytest.raises(AssertionError, match="plainer English"):
        check("Points that are under\nway.")
    check("Points in flight.")
    assert not is_imperative("Returns the loss.")
    assert not is_imperative("The loss.")
    assert is_imperative("Return the loss.")
    assert FRAGMENT.search("n : int\n    How many points there are.")
    assert not FRAGMENT.search("n : int\n    Number of points.")
    assert NOT_THE_PATTERN.search("n must be 2 or more, not {}.")
    assert not NOT_THE_PATTERN.search("n must be 2 or more, got {}.")


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_pages(path: Path) -> None:
    check(prose_of_page(path))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks(path: Path) -> None:
    check(prose_of_notebook(path))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_docstrings(path: Path) -> None:
    check(prose_of_module(path))


@pytest.mark.parametrize("path", STRICT_MODULES, ids=lambda path: path.stem)
def test_code(path: Path) -> None:
    text, comments = prose_of_module(path), comments_of_module(path)
    check(comments)
    check(text, BANNED_IN_CODE)
    check(comments, BANNED_IN_CODE)
    assert not [match.group() for match in FRAGMENT.finditer(text)]
    assert [summary for summary in summaries_of_module(path) if not is_imperative(summary)] == []
    assert [text for text in errors_of_module(path) if NOT_THE_PATTERN.search(text)] == []
