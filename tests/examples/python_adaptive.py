"""The notebook that introduces python-adaptive, as a notebook for this package.

Its text is that of another project, so it is not in this repository but in a folder next to it. Its cells are run as
they are, but for what `CHANGES` says, and for waiting where its text lets the reader wait.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import nbformat

SOURCE = Path(__file__).parents[3] / "shared" / "spec" / "adaptive-example-notebook.txt"

CHANGES = [
    # The package, by the name that the text of its cells uses.
    (r"^import adaptive$", "import adaptive_dask as adaptive"),
    (r"\bfrom adaptive\.", "from adaptive_dask."),
    # Spellings that HoloViews has given up.
    (r"^%%opts .*\n", ""),
    (r"style=dict\(size=6\)", "size=6"),
    # Servers of tests are for this machine only.
    (r"distributed\.Client\(\)", 'distributed.Client(dashboard_address="127.0.0.1:0")'),
    # Functions pretend to be slow, but less so.
    (r"\bsleep\(random\(\)( / 10)?\)", r"sleep(random() / 200)"),
    (r"\bsleep\(waiting_time\)", "sleep(waiting_time / 200)"),
    (r"\bsleep\(5\)", "sleep(0.02)"),
]

# A cluster of four threads, before anything: with fewer workers f_divergent_1d is mostly asked for x = 0, where it
# raises, and so it is by python-adaptive. And the engines that the text tells the reader to start.
BEFORE = """
import logging
from dask.distributed import Client
from ipyparallel import Cluster

client = Client(n_workers=2, threads_per_worker=2, dashboard_address="127.0.0.1:0")
engines = Cluster(n=1, cluster_id="", controller_ip="127.0.0.1", log_level=logging.ERROR)
await engines.start_cluster()
"""
WAIT_FOR_ENGINES = """
with engines.connect_client_sync() as _engines:
    _engines.wait_for_engines(1, timeout=120)
"""
AFTER = """
await engines.stop_cluster()
client.close()
"""

# What the reader of a finished run sees; before one that goes on for ever is cancelled, it is not waited for.
WAIT = """
import asyncio
await asyncio.wait([runner.task], timeout=120)
print(runner.status())
"""
NEEDS_THE_END = (
    r"adaptive\.(Blocking)?Runner\(|runner\.(status\(\)|task|log)|simple\(|\bsave\(|timer\.|extra_data|plot_cut"
)


def code_of(part: str) -> str:
    """The cell at the beginning of a part of the source, which continues with text.

    It ends where what follows is no Python any more. A heading of the text, which is, looks like a comment.
    """
    paragraphs = part.rstrip("\n").split("\n\n")
    ends = [end for end in range(len(paragraphs) + 1) if is_code("\n\n".join(paragraphs[:end]))]
    code = paragraphs[: ends[-1]]
    while len(code) > 1 and all(line.startswith("#") for line in code[-1].splitlines()):
        code.pop()
    return "\n\n".join(code)


def is_code(text: str) -> bool:
    """Whether a text is Python, but for the commands of IPython."""
    try:
        ast.parse(re.sub(r"^[%!].*$", "pass", text, flags=re.MULTILINE))
    except SyntaxError:
        return False
    return True


def cells() -> list[str]:
    """The code cells, changed."""
    changed = []
    for part in re.split(r"^In \[\w*\s*\]:\n", SOURCE.read_text(), flags=re.MULTILINE)[1:]:
        cell = code_of(part)
        for pattern, replacement in CHANGES:
            cell = re.sub(pattern, replacement, cell, flags=re.MULTILINE)
        changed.append(cell)
    return changed


def notebook() -> nbformat.NotebookNode:
    """All cells; those of the original have an index in their metadata, those that wait the tag ``wait``."""
    made = nbformat.v4.new_notebook()

    def add(source: str, *tags: str, **metadata: object) -> None:
        made.cells.append(nbformat.v4.new_code_cell(source.strip(), metadata={"tags": list(tags), **metadata}))

    add(BEFORE)
    goes_on = False
    for index, cell in enumerate(cells()):
        if goes_on and re.search(NEEDS_THE_END, cell):
            add(WAIT, "wait")
            goes_on = False
        if "ipyparallel" in cell:
            add(WAIT_FOR_ENGINES)
        may_raise = cell.strip() == "runner.task.result()" or "learner = adaptive.Learner1D(f_divergent_1d" in cell
        add(cell, *["raises-exception"] * may_raise, index=index)
        if "adaptive.Runner(" in cell:
            goes_on = "adaptive.Runner(learner)\n" not in cell or "will_raise" in cell
    add(AFTER)
    return made
