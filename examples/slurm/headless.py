"""The driver of headless.sbatch; every task of the job runs it, and SLURMRunner tells each what it is.

The checkpoint is a folder that the next job sees too: whatever ends this job, the next one goes on from there.
While it goes on, ``adaptive.attach("resonances")`` follows it from any client of the scheduler's file.
"""

import os

import dask
from dask.distributed import Client
from dask_jobqueue.slurm import SLURMRunner
from resonances import response

import adaptive_dask as adaptive

# From dask.yaml, as for SLURMCluster.
settings = dask.config.get("jobqueue.slurm")
network = {"interface": settings["interface"], **settings["scheduler-options"]}

if __name__ == "__main__":
    with (
        SLURMRunner(
            scheduler_file="scheduler-{job_id}.json",
            scheduler_options={**network},
            worker_options={**network, "nthreads": 1, "local_directory": os.environ.get("TMPDIR", "/tmp")},
        ) as cluster,
        Client(cluster) as client,
    ):
        # Only the driver comes to here.
        learner = adaptive.Learner1D(response, bounds=(0, 1))
        runner = adaptive.Runner(learner, npoints_goal=150, name="resonances", checkpoint="resonances-checkpoint")
        runner.live_info_terminal(overwrite_previous=False, update_interval=10).join()
        runner.result()
        learner.save("resonances.pickle")
        print(learner.npoints, "points, loss", learner.loss())
        print(runner.info()["evaluated"], "of them evaluated by this job")
