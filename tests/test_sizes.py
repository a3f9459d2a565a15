"""No file, class or function of the package is larger than CONTRIBUTING.md allows."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.long  # of the text of the code: for those who change it

PACKAGE = Path(__file__).parents[1] / "adaptive_dask"

MAX_FILE_LINES = 350  # without blank lines, comments and docstrings
MAX_FUNCTION_LINES = 60  # without the docstring
MAX_METHODS = 30
MAX_ATTRIBUTES = 20

MANY_METHODS = {
    "AsyncRunner": "the public runner: one short method for each command and number of a run",
}
MANY_ATTRIBUTES = {
    "PointsOnLine": "an array for each property of the points, and a memoryview of each for single points",
    "RunArguments": "a field for each argument of a run",
    "RunOptions": "a field for each argument of a run",
    "RunStatus": "a field for each number that `info()` returns",
}

FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef


def code_lines(node: ast.AST, source: list[str]) -> int:
    """Count the lines of a module or function that are not blank, comments or docstrings."""
    documented: set[int] = set()
    for each in ast.walk(node):
        if isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant) and isinstance(each.value.value, str):
            documented.update(range(each.lineno, (each.end_lineno or 0) + 1))
    first, last = (1, len(source)) if isinstance(node, ast.Module) else (node.lineno, node.end_lineno)
    lines = ((number, source[number - 1].strip()) for number in range(first, last + 1) if number not in documented)
    return sum(bool(text) and not text.startswith("#") for _, text in lines)


def methods(node: ast.ClassDef) -> set[str]:
    """Return the names of the methods and properties that a class defines."""
    return {each.name for each in node.body if isinstance(each, FUNCTIONS)}


def attributes(node: ast.ClassDef) -> set[str]:
    """Return the names of the fields of a class, and of the attributes that its methods assign to ``self``."""
    fields = {each.target.id for each in node.body if isinstance(each, ast.AnnAssign)}
    assigned = (each for each in ast.walk(node) if isinstance(each, ast.Attribute) and isinstance(each.ctx, ast.Store))
    return fields | {each.attr for each in assigned if isinstance(each.value, ast.Name) and each.value.id == "self"}


def too_large(path: Path) -> Iterator[str]:
    """Describe what is larger in a file than allowed."""
    text = path.read_text()
    tree, source, name = ast.parse(text), text.splitlines(), path.relative_to(PACKAGE)
    if (lines := code_lines(tree, source)) > MAX_FILE_LINES:
        yield f"{name}: {lines} lines of code"
    for node in ast.walk(tree):
        if isinstance(node, FUNCTIONS) and (lines := code_lines(node, source)) > MAX_FUNCTION_LINES:
            yield f"{name}: {node.name} has {lines} lines of code"
        if isinstance(node, ast.ClassDef):
            if node.name not in MANY_METHODS and (n := len(methods(node))) > MAX_METHODS:
                yield f"{name}: {node.name} has {n} methods"
            if node.name not in MANY_ATTRIBUTES and (n := len(attributes(node))) > MAX_ATTRIBUTES:
                yield f"{name}: {node.name} has {n} attributes"


def test_nothing_is_too_large() -> None:
    found = [problem for path in sorted(PACKAGE.rglob("*.py")) for problem in too_large(path)]
    assert not found, "move a coherent part to a file, class or function of its own:\n" + "\n".join(found)


def test_every_exception_is_needed() -> None:
    trees = [ast.parse(path.read_text()) for path in PACKAGE.rglob("*.py")]
    classes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    assert {node.name for node in classes if len(methods(node)) > MAX_METHODS} == MANY_METHODS.keys()
    assert {node.name for node in classes if len(attributes(node)) > MAX_ATTRIBUTES} == MANY_ATTRIBUTES.keys()


def test_the_check_finds_what_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "PACKAGE", tmp_path)
    names = [f"x{i}" for i in range(31)]
    defs = "".join(f"    def {name}(self):\n        '''Text.'''\n        self.{name} = 0\n" for name in names)
    body = "    pass\n" * 300
    (tmp_path / "large.py").write_text(f"class A:\n{defs}\n# comment\ndef f():\n{body}")
    assert list(too_large(tmp_path / "large.py")) == [
        "large.py: 364 lines of code",
        "large.py: A has 31 methods",
        "large.py: A has 31 attributes",
        "large.py: f has 301 lines of code",
    ]
