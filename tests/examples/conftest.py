"""Notebooks are executed two at a time, whatever is asked of them; CI has executed ours for the documentation."""

from __future__ import annotations

import os
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
        if is_ours and "ADAPTIVE_DASK_SITE" in os.environ:
            return of_the_documentation(name, Path(os.environ["ADAPTIVE_DASK_SITE"]))
        notebook = nbformat.read(FOLDER / name, as_version=4) if is_ours else python_adaptive.notebook()
        own_folder = folder / name.removesuffix(".ipynb")
        own_folder.mkdir()
        return execute(notebook, own_folder)

    wanted = [item.callspec.params.get("executes") for item in request.session.items if hasattr(item, "callspec")]
    pool = ThreadPoolExecutor(2)
    runs = {name: pool.submit(run, name) for name in dict.fromkeys(wanted) if name is not None}
    yield lambda name: runs[name].result(900)
    pool.shutdown(cancel_futures=True)


def of_the_documentation(name: str, site: Path) -> nbformat.NotebookNode:
    """A notebook as it was executed when the documentation was built, without the cell that prepared it."""
    from jupyter_cache import get_cache  # of the extra docs

    cache = get_cache(site.parent / ".jupyter_cache")
    (record,) = (record for record in cache.list_cache_records() if Path(record.uri).name == name)
    notebook: nbformat.NotebookNode = cache.get_cache_bundle(record.pk).nb
    notebook.cells = [cell for cell in notebook.cells if "remove-cell" not in cell.metadata.get("tags", ())]
    return notebook
