"""The driver of headless.sbatch; every task of the job runs it, and SLURMRunner tells each what it is.

The checkpoint is a folder that the next job sees too: whatever ends this job, the next one goes on from there.
While it goes on, ``adaptive.attach("resonances")`` follows it from any client of the scheduler's file.
"""

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
    # Not the scheduler's port, if that is fixed: there is one of each.
    **{name: scheduler_options[name] for name in ("interface", "dashboard_address") if name in scheduler_options},
    "nthreads": 1,
    "memory_limit": sys.argv[1],
    "lifetime": "55m",  # somewhat less than the job's time
    "local_directory": os.environ.get("TMPDIR", "/tmp"),
}

if __name__ == "__main__":
    with (
        SLURMRunner(
            scheduler_file="scheduler-{job_id}.json",
            scheduler_options=scheduler_options,
            worker_class="distributed.Nanny",  # which starts a worker again that has died
            worker_options=worker_options,
        ) as cluster,
        Client(cluster) as client,
    ):
        # Only the driver comes to here. With TLS it could not end the scheduler by the runner's own connection.
        cluster.scheduler_comm.connection_args = client.connection_args
        learner = adaptive.Learner1D(response, bounds=(0, 1))
        runner = adaptive.Runner(learner, npoints_goal=150, name="resonances", checkpoint="resonances-checkpoint")
        lines = runner.live_info_terminal(overwrite_previous=False, update_interval=10)
        while not runner.wait(timeout=1):
            try:
                client.wait_for_workers(1, timeout=settings["death-timeout"])
            except TimeoutError:
                sys.exit("There is no worker, nor does one come; the next job goes on from the checkpoint.")
        lines.join()
        runner.result()
        learner.save("resonances.pickle")
        print(learner.npoints, "points, loss", learner.loss())
        print(runner.info()["evaluated"], "of them evaluated by this job")
