"""Runs notebooks in a real kernel, each in a folder of its own."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import nbclient
import nbformat

from ..patience import HEARTBEAT

TIMEOUT = 180  # seconds for a cell


def execute(notebook: nbformat.NotebookNode, folder: Path, **environment: str) -> nbformat.NotebookNode:
    """Execute a notebook; its cells have their outputs then.

    A cell with the tag ``raises-exception`` may raise.

    Parameters
    ----------
    notebook : NotebookNode
    folder : Path
        Where the kernel runs, and what it takes for the user's home.
    **environment
        More variables for the kernel.

    Raises
    ------
    CellExecutionError
        If any other cell raises.
    """
    client = nbclient.NotebookClient(
        notebook,
        timeout=TIMEOUT,
        startup_timeout=TIMEOUT,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
    )
    surroundings = {**os.environ, "HOME": str(folder), "PYTHONSAFEPATH": "1", **environment}
    # Nothing of the user's, and nothing in the user's folders.
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        place = folder / ".jupyter" / name.lower()
        place.mkdir(parents=True)
        surroundings[name] = str(place)
    asyncio.run(client.async_execute(env=surroundings, cwd=str(folder)))
    return notebook


def printed(cell: nbformat.NotebookNode, stream: str = "stdout") -> str:
    """What a cell printed."""
    return "".join(output.text for output in cell.get("outputs", ()) if output.get("name") == stream)


def shown(cell: nbformat.NotebookNode, kind: str = "text/plain") -> list[Any]:
    """What a cell showed, of one MIME type."""
    return [output.data[kind] for output in cell.get("outputs", ()) if kind in output.get("data", ())]


def errors(cell: nbformat.NotebookNode) -> list[str]:
    """The errors that a cell raised: ``Type: message``."""
    return [f"{o.ename}: {o.evalue}" for o in cell.get("outputs", ()) if o.output_type == "error"]


def complaints(notebook: nbformat.NotebookNode) -> str:
    """All that came out on stderr, but for `HEARTBEAT`."""
    return HEARTBEAT.sub("", "".join(printed(cell, "stderr") for cell in notebook.cells))
