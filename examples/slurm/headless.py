"""The driver of headless.sbatch. Every task of the job runs this script, and SLURMRunner assigns a role to each task.

The checkpoint is a folder that the next job can access, so the next job resumes the run when this one ends for any
reason. During the run, ``adaptive.attach("resonances")`` follows it from any client of the scheduler file.
"""

import asyncio
import json
import os
import sys

import dask
from dask.distributed import Client
from dask_jobqueue.slurm import SLURMRunner
from resonances import response

import adaptive_dask as adaptive

# From dask.yaml, as for SLURMCluster.
settings = dask.config.get("jobqueue.slurm")
scheduler_options = {"interface": settings["interface"], **settings["scheduler-options"]}
worker_options = {
    # Without the scheduler's port: if it is fixed, workers cannot use the same one.
    **{name: scheduler_options[name] for name in ("interface", "dashboard_address") if name in scheduler_options},
    "nthreads": 1,
    "memory_limit": sys.argv[1],
    "lifetime": "55m",  # slightly less than the time limit of the job
    "local_directory": os.environ.get("TMPDIR", "/tmp"),
}


class JobRunner(SLURMRunner):
    """Reads the scheduler file again if the scheduler has not written all of it."""

    async def get_scheduler_address(self) -> str:
        while True:
            try:
                return await super().get_scheduler_address()
            except json.JSONDecodeError:
                await asyncio.sleep(0.2)


if __name__ == "__main__":
    with (
        JobRunner(
            scheduler_file="scheduler-{job_id}.json",
            scheduler_options=scheduler_options,
            worker_class="distributed.Nanny",  # restarts a worker that has died
            worker_options=worker_options,
        ) as cluster,
        Client(cluster) as client,
    ):
        # Only the driver reaches this line. With TLS, SLURMRunner needs these arguments to shut the scheduler down.
        cluster.scheduler_comm.connection_args = client.connection_args
        learner = adaptive.Learner1D(response, bounds=(0, 1))
        runner = adaptive.Runner(learner, npoints_goal=150, name="resonances", checkpoint="resonances-checkpoint")
        lines = runner.live_info_terminal(overwrite_previous=False, update_interval=10)
        while not runner.wait(timeout=1):
            try:
                client.wait_for_workers(1, timeout=settings["death-timeout"])
            except TimeoutError:
                sys.exit("No worker is left and none has started; the next job resumes from the checkpoint.")
        lines.join()
        runner.result()
        learner.save("resonances.pickle")
        print(learner.npoints, "points, loss", learner.loss())
        print(runner.info()["evaluated"], "of them evaluated by this job")
