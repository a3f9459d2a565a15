"""Use SLURM jobs as workers, from a login node or a notebook.

Jobs start when there is work, and end when there is none.

    DASK_CONFIG=dask.yaml python interactive.py [maximum number of jobs]

The scheduler, and with it the learner, is in this process, so the process must not end before the run. If it does, the
next start resumes from the checkpoint. If the process cannot stay alive, let a job host the scheduler: see host.sbatch
and notebook.py.
"""

import sys

from dask.distributed import Client
from dask_jobqueue import SLURMCluster
from resonances import response

import adaptive_dask as adaptive

if __name__ == "__main__":
    with SLURMCluster() as cluster, Client(cluster) as client:  # all settings are in dask.yaml
        print("Dashboard:", client.dashboard_link)
        client.upload_file("resonances.py")  # workers that come later get it too
        cluster.adapt(minimum=0, maximum=int(sys.argv[1]) if len(sys.argv) > 1 else 20)
        learner = adaptive.Learner1D(response, bounds=(0, 1))
        runner = adaptive.Runner(learner, npoints_goal=150, name="resonances", checkpoint="resonances-checkpoint")
        runner.live_info_terminal(overwrite_previous=False).join()
        runner.result()
        learner.save("resonances.pickle")
        print(learner.npoints, "points, loss", learner.loss())
