"""A real JupyterLab on loopback, and notebooks in it as a user has them: in Chromium."""

from __future__ import annotations

import ast
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat

from ..patience import TIMEOUT, wait_until

PATIENCE = 1000 * TIMEOUT  # of the browser, in milliseconds
SCREENSHOTS = Path(__file__).parents[2] / ".ci" / "artefacts" / "screenshots"

_SETTINGS = {"@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False}}


class Lab:
    """A JupyterLab server with folders of its own, which shares nothing with the user's.

    Attributes
    ----------
    url : str
        Ends with a slash.
    token : str
    notebooks : Path
        The folder that it shows.
    """

    def __init__(self, url: str, token: str, notebooks: Path) -> None:
        self.url = url
        self.token = token
        self.notebooks = notebooks

    def open(self, page: Any, cells: Sequence[str], name: str = "notebook") -> Notebook:
        """Show a new notebook with these cells, none of which has run."""
        content = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell.strip()) for cell in cells])
        content.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(content, self.notebooks / f"{name}.ipynb")
        page.goto(f"{self.url}lab/tree/{name}.ipynb?token={self.token}&reset")
        notebook = Notebook(page)
        notebook.wait_for_kernel()
        return notebook


@contextmanager
def start_lab(folder: Path) -> Iterator[Lab]:
    """Run a JupyterLab whose folders are all in `folder`, and end it with its kernels."""
    notebooks = folder / "notebooks"
    notebooks.mkdir()
    for name, value in _SETTINGS.items():
        file = folder / "settings" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(value))
    token = secrets.token_hex()
    places = {f"JUPYTER_{kind}_DIR": str(folder / kind.lower()) for kind in ("CONFIG", "DATA", "RUNTIME")}
    places |= {f"JUPYTERLAB_{kind}_DIR": str(folder / kind.lower()) for kind in ("SETTINGS", "WORKSPACES")}
    places |= {"HOME": str(folder), "IPYTHONDIR": str(folder / "ipython"), "JUPYTER_TOKEN": token}
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1", "--port=0"]
    command += [f"--ServerApp.root_dir={notebooks}", "--LabApp.expose_app_in_browser=True"]
    command += ["--allow-root"] if os.getuid() == 0 else []
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(
            command, env=os.environ | places, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        yield Lab(wait_until(lambda: _url_of(process, folder)), token, notebooks)
    finally:
        process.terminate()
        try:
            process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _url_of(process: subprocess.Popen[bytes], folder: Path) -> str | None:
    """Where the server listens, once it does."""
    assert process.poll() is None, (folder / "server.log").read_text()
    try:
        url: str = json.loads((folder / "runtime" / f"jpserver-{process.pid}.json").read_text())["url"]
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    return url


class Notebook:
    """The notebook that a page shows. Cells go by their numbers, from 0."""

    def __init__(self, page: Any) -> None:
        self.page = page

    def wait_for_kernel(self) -> None:
        """Wait until the kernel is there and has nothing to do."""
        self.page.wait_for_function(f"window.jupyterapp && {_KERNEL}?.status === 'idle'", timeout=PATIENCE)

    def start(self, *cells: int) -> None:
        """Run cells, one after the other, and go on at once."""
        for cell in cells:
            self.page.evaluate(
                f"""(cell) => {{
                    {_PANEL}.content.activeCellIndex = cell;
                    jupyterapp.commands.execute("notebook:run-cell");
                }}""",
                cell,
            )

    def run(self, *cells: int) -> None:
        """Run cells to their end; an exception in one of them fails the test."""
        for cell in cells:
            self.start(cell)
            self.wait_for(cell)

    def run_all(self) -> None:
        """Run all cells, as the menu does, and go on at once."""
        self.page.evaluate("void jupyterapp.commands.execute('notebook:run-all-cells')")

    def wait_for(self, cell: int) -> None:
        """Wait for the end of a cell."""
        self.page.wait_for_function(
            f"(cell) => {{ const it = {_PANEL}.content.widgets[cell].model;"
            " return it.executionCount !== null && it.executionState === 'idle'; }",
            arg=cell,
            timeout=PATIENCE,
        )
        errors = [output for output in self.outputs(cell) if output["output_type"] == "error"]
        assert not errors, "\n".join(errors[0]["traceback"])

    def is_running(self, cell: int) -> bool:
        """Whether the kernel is at this cell."""
        state = self.page.evaluate(f"(cell) => {_PANEL}.content.widgets[cell].model.executionState", cell)
        return bool(state == "running")

    def outputs(self, cell: int) -> list[dict[str, Any]]:
        """What a cell has put out, as in the file."""
        outputs: list[dict[str, Any]] = self.page.evaluate(
            f"(cell) => {_PANEL}.content.widgets[cell].model.outputs.toJSON()", cell
        )
        return outputs

    def output(self, cell: int) -> Any:
        """The part of the page below a cell."""
        return self.page.locator(".jp-CodeCell").nth(cell).locator(".jp-Cell-outputArea")

    def value(self, expression: str) -> Any:
        """What a Python expression is in the kernel, as a literal; waits until the kernel is free."""
        reply = self.page.evaluate(
            f"""async (expression) => {{
                const request = {{ code: "", store_history: false, user_expressions: {{ value: expression }} }};
                return (await {_KERNEL}.requestExecute(request).done).content.user_expressions.value;
            }}""",
            expression,
        )
        assert reply["status"] == "ok", reply
        return ast.literal_eval(reply["data"]["text/plain"])

    def do(self, cell: int, command: str) -> None:
        """Have JupyterLab do something with a cell."""
        self.page.evaluate(
            f"""async ([cell, command]) => {{
                {_PANEL}.content.activeCellIndex = cell;
                await jupyterapp.commands.execute(command);
            }}""",
            [cell, command],
        )

    def until(self, condition: Callable[[], Any], explain: Callable[[], str] = str) -> None:
        """Wait until something holds; the page's own events go on."""
        deadline = time.monotonic() + TIMEOUT
        while not condition():
            assert time.monotonic() < deadline, f"{condition} did not become true in {TIMEOUT} s\n{explain()}"
            self.page.wait_for_timeout(50)  # between two looks

    def wait_for_value(self, expression: str, expected: Any) -> None:
        """Wait until an expression has a value in the kernel."""
        self.until(lambda: self.value(expression) == expected, lambda: f"{expression} is {self.value(expression)}")

    def restart_kernel(self) -> None:
        """A new process for the kernel, which knows nothing."""
        self.page.evaluate(f"async () => {{ await {_KERNEL}.restart(); }}")
        self.wait_for_kernel()

    def reload(self) -> None:
        """Save, and load the page anew; the kernel goes on."""
        self.page.evaluate("async () => { await jupyterapp.commands.execute('docmanager:save'); }")
        self.page.reload()
        self.wait_for_kernel()

    def screenshot(self, name: str) -> None:
        """Keep a picture of the page for people, among the results of the checks."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png")


_PANEL = "jupyterapp.shell.currentWidget"
_KERNEL = f"{_PANEL}?.sessionContext?.session?.kernel"
