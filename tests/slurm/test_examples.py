"""The examples for SLURM, as a user would run them."""

from __future__ import annotations

import re
from typing import Any

import nbformat
from distributed import Client

import adaptive_dask as adaptive
from tests.examples.kernel import complaints, execute, printed

from ..patience import HEARTBEAT, TIMEOUT, wait_until
from .conftest import Site
from .private_slurm import PrivateSlurm, free_ports

# The tasks of headless.sbatch; 0 is the scheduler.
DRIVER = 1
WORKERS = (2, 3)

ENDS_EACH_WORKER_ONCE = """\
    time.sleep(SECONDS)
    try:
        open("ended-" + os.environ["SLURM_PROCID"], "x").close()
        os._exit(1)
    except FileExistsError:
        pass
"""

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
    assert "Traceback" not in HEARTBEAT.sub("", output), output
    wait_until(lambda: not slurm.jobs())
    learner = adaptive.Learner1D(None, bounds=(0, 1))
    learner.load(str(site.folder / "resonances.pickle"))
    assert learner.npoints == site.points_saved() == 150


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
    site.environment["SECONDS_PER_POINT"] = "0.6"
    job = site.submit("host.sbatch", "scheduler.json", *LOOPBACK, options=("--cpus-per-task=2", "--mem-per-cpu=300"))
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
        assert "The run is already there" in output
        assert points_printed(output) == 150
        assert runner.result(TIMEOUT).npoints == 150
        # A run that has ended goes on with a further goal.
        assert points_printed(site.python("notebook.py", "scheduler.json", "160")) == 160
        assert adaptive.attach("resonances").info()["evaluated"] == 10
        workers = client.scheduler_info()["workers"].values()
        assert {worker["memory_limit"] for worker in workers} == {600 * 2**20}
        assert "CPUs=6" in slurm.run("scontrol", "show", "step", f"{job}.0")
        client.shutdown()
    wait_until(lambda: slurm.state(job) == "COMPLETED", explain=site.logs)


def test_headless_goes_on_in_a_second_job(slurm: PrivateSlurm, site: Site) -> None:
    site.environment["SECONDS_PER_POINT"] = "0.1"
    site.use_tls()

    def submit_after(job: str) -> str:
        return site.submit("headless.sbatch", options=(f"--dependency=afternotok:{job}", "--kill-on-invalid-dep=yes"))

    first = site.submit("headless.sbatch")
    second = submit_after(first)
    third = submit_after(second)
    wait_until(lambda: site.points_saved() > 40, explain=site.logs)
    assert slurm.state(second) == "PENDING"
    slurm.kill_task(first, DRIVER, "headless.py")
    wait_until(lambda: slurm.state(first) == "FAILED", explain=site.logs)
    wait_until(lambda: slurm.state(second) == "COMPLETED", explain=site.logs)
    output = (site.folder / f"adaptive-headless-{second}.log").read_text()
    assert points_printed(output) == 150
    assert "tls://" in output
    assert "tcp://" not in output
    evaluated = re.search(r"^(\d+) of them evaluated by this job", output, re.MULTILINE)
    assert evaluated, output
    assert int(evaluated[1]) <= 110
    assert site.points_saved() == 150
    assert (site.folder / "resonances.pickle").exists()
    wait_until(lambda: slurm.state(third) == "CANCELLED")


def test_headless_replaces_workers_and_goes_on_without_one(slurm: PrivateSlurm, site: Site) -> None:
    [port] = free_ports(1)
    site.change_settings({"jobqueue": {"slurm": {"scheduler-options": {"port": port}}}})
    site.replace("resonances.py", "    time.sleep(SECONDS)\n", ENDS_EACH_WORKER_ONCE)
    site.replace("headless.sbatch", "--mem-per-cpu=2G", "--mem=2000M")
    site.replace("headless.py", "npoints_goal=150, ", "")
    job = site.submit("headless.sbatch")
    wait_until(lambda: len(list(site.folder.glob("ended-*"))) == len(WORKERS), explain=site.logs)
    with Client(f"127.0.0.1:{port}", timeout=TIMEOUT, set_as_default=False) as client:

        def workers() -> list[dict[str, Any]]:
            return list(client.scheduler_info()["workers"].values())

        client.wait_for_workers(len(WORKERS), TIMEOUT)
        assert {worker["memory_limit"] for worker in workers()} == {500 * 2**20}
        slurm.kill_task(job, WORKERS[0], "headless.py")
        wait_until(lambda: len(workers()) == 1, explain=site.logs)
    before = site.points_saved()
    wait_until(lambda: site.points_saved() > before, explain=site.logs)
    assert slurm.state(job) == "RUNNING"


def test_headless_ends_when_no_worker_comes(slurm: PrivateSlurm, site: Site) -> None:
    site.change_settings({"jobqueue": {"slurm": {"death-timeout": 1}}})
    site.replace("headless.py", "sys.argv[1]", '"nonsense"')
    job = site.submit("headless.sbatch")
    wait_until(lambda: slurm.state(job) == "FAILED", explain=site.logs)
    assert "No worker is left and none has started" in site.logs()
