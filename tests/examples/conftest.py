"""Notebooks are executed two at a time, whatever is asked of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest

from . import python_adaptive
from .kernel import execute

Executed = Callable[[str], nbformat.NotebookNode]
FOLDER = Path(__file__).parents[2] / "examples"
PYTHON_ADAPTIVE = "python-adaptive's own"


@pytest.fixture(scope="session")
def executed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Executed]:
    """A notebook by its name in examples/, executed; each once, and those that the session asks for in parallel."""
    folder = tmp_path_factory.mktemp("notebooks")  # here: the factory is not made for several threads

    def run(name: str) -> nbformat.NotebookNode:
        is_ours = name != PYTHON_ADAPTIVE
        notebook = nbformat.read(FOLDER / name, as_version=4) if is_ours else python_adaptive.notebook()
        own_folder = folder / name.removesuffix(".ipynb")
        own_folder.mkdir()
        return execute(notebook, own_folder)

    wanted = [item.callspec.params.get("executes") for item in request.session.items if hasattr(item, "callspec")]
    pool = ThreadPoolExecutor(2)
    runs = {name: pool.submit(run, name) for name in dict.fromkeys(wanted) if name is not None}
    yield lambda name: runs[name].result(900)
    pool.shutdown(cancel_futures=True)
