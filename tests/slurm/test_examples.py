"""The examples for SLURM, as a user would run them."""

from __future__ import annotations

import contextlib
import re

import nbformat
from distributed import Client

import adaptive_dask as adaptive
from adaptive_dask.errors import CheckpointError
from tests.examples.kernel import complaints, execute, printed

from ..patience import TIMEOUT, wait_until
from .conftest import Site
from .private_slurm import PrivateSlurm

LOOPBACK = ("--interface", "lo", "--dashboard-address", "127.0.0.1:0")


def points_printed(output: str) -> int:
    found = re.search(r"^(\d+) points, loss", output, re.MULTILINE)
    assert found, output
    return int(found[1])


def test_interactive_starts_from_zero_jobs_and_leaves_none(slurm: PrivateSlurm, site: Site) -> None:
    assert slurm.jobs() == []
    process = site.start("python", "interactive.py", "2")
    wait_until(lambda: len(slurm.jobs("RUNNING")) == 2)
    output, _ = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0, output
    assert points_printed(output) == 150
    assert "Traceback" not in output, output
    wait_until(lambda: not slurm.jobs())
    learner = adaptive.Learner1D(None, bounds=(0, 1))
    learner.load(str(site.folder / "resonances.pickle"))
    assert learner.npoints == 150


def test_a_notebook_has_jobs_as_workers(slurm: PrivateSlurm, site: Site) -> None:
    # Modules of a user are next to his notebook.
    environment = {**site.environment, "PYTHONSAFEPATH": ""}
    notebook = execute(nbformat.read(site.folder / "slurm.ipynb", as_version=4), site.folder, **environment)
    text = "".join(printed(cell) for cell in notebook.cells)
    assert "#SBATCH -J adaptive" in text
    found = re.search(r"^(\d+) points from (\d+) jobs$", text, re.MULTILINE)
    assert found, text
    assert int(found[1]) == 100
    assert 1 <= int(found[2]) <= 4
    assert "Error" not in complaints(notebook), complaints(notebook)
    wait_until(lambda: not slurm.jobs())
    assert adaptive.load(str(site.folder / "notebook-checkpoint")).npoints == 100


def test_a_job_hosts_a_run_whose_notebook_is_killed(slurm: PrivateSlurm, site: Site) -> None:
    site.environment["SECONDS_PER_POINT"] = "0.3"
    job = site.submit("host.sbatch", "scheduler.json", *LOOPBACK)
    scheduler_file = site.folder / "scheduler.json"
    wait_until(scheduler_file.exists, explain=site.logs)
    notebook = site.start("python", "notebook.py", "scheduler.json")
    with Client(scheduler_file=str(scheduler_file), set_as_default=True) as client:
        try:
            wait_until(lambda: [run for run in adaptive.runs() if run["npoints"] > 30], explain=site.logs)
        finally:
            notebook.kill()
            notebook.communicate(timeout=TIMEOUT)
        runner = adaptive.attach("resonances")
        assert runner.status() == "running"
        before = runner.learner.npoints
        wait_until(lambda: runner.learner.npoints > before)
        output = site.python("notebook.py", "scheduler.json")
        assert "It is there already" in output
        assert points_printed(output) == 150
        assert runner.result(TIMEOUT).npoints == 150
        client.shutdown()
    wait_until(lambda: slurm.state(job) == "COMPLETED", explain=site.logs)


def test_headless_goes_on_in_a_second_job(slurm: PrivateSlurm, site: Site) -> None:
    site.environment["SECONDS_PER_POINT"] = "0.2"
    checkpoint = site.folder / "resonances-checkpoint"

    def points_saved() -> int:
        with contextlib.suppress(CheckpointError):  # it is not there yet
            return adaptive.load(str(checkpoint)).npoints
        return 0

    first = site.submit("headless.sbatch")
    second = site.submit("headless.sbatch", options=(f"--dependency=afternotok:{first}",))
    wait_until(lambda: points_saved() > 40, explain=site.logs)
    assert slurm.state(second) == "PENDING"
    slurm.run("scancel", first)
    wait_until(lambda: slurm.state(first) == "CANCELLED")
    wait_until(lambda: slurm.state(second) not in ("PENDING", "RUNNING", "COMPLETING"), explain=site.logs)
    output = (site.folder / f"adaptive-headless-{second}.log").read_text()
    assert points_printed(output) == 150
    evaluated = re.search(r"^(\d+) of them evaluated by this job", output, re.MULTILINE)
    assert evaluated, output
    assert int(evaluated[1]) <= 110
    assert points_saved() == 150
    assert (site.folder / "resonances.pickle").exists()
