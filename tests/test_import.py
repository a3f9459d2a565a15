"""What an import costs, and who may import whom."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import adaptive_dask

ROOT = Path(__file__).parents[1]
HEAVY = {
    "adaptive",
    "bokeh",
    "dask",
    "distributed",
    "holoviews",
    "ipywidgets",
    "IPython",
    "matplotlib",
    "pandas",
    "scipy.stats",
    "skopt",
}


def modules_after(code: str) -> set[str]:
    """The modules that a new interpreter has loaded after running some code."""
    script = f"{code}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True, cwd=ROOT)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_importing_the_package_loads_nothing_heavy() -> None:
    loaded = modules_after("import adaptive_dask")
    assert loaded & HEAVY == set()
    assert "numpy" not in loaded
    assert {name for name in loaded if name.startswith("adaptive_dask")} == {"adaptive_dask"}


@pytest.mark.parametrize("module", ["session", "goals", "errors", "learner.learner1D", "learner.function_pickle"])
def test_the_sampling_mathematics_loads_no_dask_and_no_pictures(module: str) -> None:
    assert modules_after(f"import adaptive_dask.{module}") & HEAVY == set()


def test_runs_of_intervals_start_without_scipy() -> None:
    code = "import adaptive_dask as adaptive, adaptive_dask.cluster.scheduler_run; adaptive.Learner1D; adaptive.Runner"
    assert "scipy" not in modules_after(code)


def test_a_first_run_on_a_cluster_without_a_dashboard_loads_neither_scipy_nor_bokeh() -> None:
    code = """
import distributed, adaptive_dask as adaptive
options = dict(n_workers=1, threads_per_worker=1, processes=False, dashboard_address="127.0.0.1:0")
options["scheduler_kwargs"] = {"dashboard": False}
with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
    adaptive.BlockingRunner(adaptive.Learner1D(abs, (-1, 1)), npoints_goal=4, executor=client)
"""
    assert not {"scipy", "bokeh.models"} & modules_after(code)


def test_what_runs_on_a_cluster_loads_no_pictures() -> None:
    loaded = modules_after("import adaptive_dask.cluster.scheduler, adaptive_dask.cluster.worker")
    assert not {name for name in loaded if name.startswith("adaptive_dask.plotting")}
    assert loaded & {"holoviews", "ipywidgets", "IPython", "matplotlib"} == set()


@pytest.mark.parametrize("name", adaptive_dask.__all__)
def test_every_public_name_resolves(name: str) -> None:
    assert getattr(adaptive_dask, name) is getattr(adaptive_dask, name)
    assert name in dir(adaptive_dask)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = adaptive_dask.no_such_name


def test_import_contracts_hold() -> None:
    command = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    done = subprocess.run([sys.executable, "-c", command], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout
