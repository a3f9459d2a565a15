"""From a login node or a notebook: workers are jobs, which come when there is work and go when there is none.

    DASK_CONFIG=dask.yaml python interactive.py [the most jobs there may be]

The scheduler, and with it the learner, is in this process, so this has to stay until the run is over. If it ends before
that, the next start goes on from the checkpoint. If it cannot stay, have a job host the scheduler: see host.sbatch and
notebook.py.
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
