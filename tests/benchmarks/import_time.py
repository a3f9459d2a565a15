"""Processor time of ``import adaptive_dask``, and of the first run beyond ``import distributed``.

    python -m tests.benchmarks import_time [--quick]

Each figure is the median of several processes; that of the import is less the start of Python. The modules have been
compiled before. A run has four points. The cluster has no dashboard; with one, the pages take 30 ms more.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Iterator

from tests.benchmarks.reporting import Row

# The last line of each prints seconds of processor time, of the process from its start on.
PACKAGE = "import adaptive_dask"
CLUSTER = """
import distributed, numpy
options = dict(n_workers=1, threads_per_worker=1, processes=False, dashboard_address="127.0.0.1:0")
cluster = distributed.LocalCluster(**options, scheduler_kwargs={"dashboard": False})
client = distributed.Client(cluster)
client.submit(abs, 1).result()
"""
RUNNER = """
before = time.process_time()
import adaptive_dask
adaptive_dask.BlockingRunner(adaptive_dask.Learner1D(abs, (-1, 1)), npoints_goal=4, executor=client)
"""
LOCAL_RUNNER = """
import distributed, numpy
before = time.process_time()
import adaptive_dask
from concurrent.futures import ThreadPoolExecutor
adaptive_dask.BlockingRunner(adaptive_dask.Learner1D(abs, (-1, 1)), npoints_goal=4, executor=ThreadPoolExecutor(1))
"""
PRINT = "\nprint(time.process_time() - before, flush=True)\nimport os; os._exit(0)"


def seconds(script: str) -> float:
    """Processor time of a script in a process of its own, or of that after ``before = …``."""
    script = "import time; before = 0.0\n" + script + PRINT
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return float(done.stdout.splitlines()[-1])


def medians(scripts: list[str], repeat: int) -> list[float]:
    """The median of each script; they take turns."""
    turns = [[seconds(script) for script in scripts] for _ in range(repeat + 1)]
    return [statistics.median(each) for each in zip(*turns[1:], strict=True)]  # the first turn compiles


def rows(quick: bool) -> Iterator[Row]:
    """The figures of the report."""
    repeat = 3 if quick else 9
    nothing, package, local, cluster = medians(["", PACKAGE, LOCAL_RUNNER, CLUSTER + RUNNER], repeat)
    note = "NumPy is not imported"
    yield Row("import adaptive_dask, ms", 1e3 * (package - nothing), 50, at_most=True, note=note)
    yield Row("the first run, on a thread, beyond distributed, s", local, 0.3, at_most=True)
    yield Row("the first run, on a cluster in the process, beyond distributed, s", cluster, 0.3, at_most=True)
