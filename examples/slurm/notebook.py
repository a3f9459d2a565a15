"""Start a run on a scheduler in a job (host.sbatch), or follow the run if it is already there.

    python notebook.py scheduler.json [points]

You can stop this script and start it again on another machine: the run continues. When the run has ended, the same call
with more points resumes it. The same call also resumes a run that failed, or whose job was replaced by another one.
"""

import sys

from dask.distributed import Client
from resonances import response

import adaptive_dask as adaptive

NAME = "resonances"

if __name__ == "__main__":
    scheduler_file, *points = sys.argv[1:]
    with Client(scheduler_file=scheduler_file) as client:
        if NAME in {run["name"] for run in adaptive.runs() if run["status"] in ("running", "paused")}:
            runner = adaptive.attach(NAME)
            print("The run is already there, with", runner.learner.npoints, "points")
        else:
            client.upload_file("resonances.py")  # again, in case it has changed
            learner = adaptive.Learner1D(response, bounds=(0, 1))
            goal = int(points[0]) if points else 150
            # The checkpoint contains the results of earlier runs.
            runner = adaptive.Runner(learner, npoints_goal=goal, name=NAME, checkpoint="resonances-checkpoint")
        runner.live_info_terminal(overwrite_previous=False).join()
        learner = runner.result()
        learner.save("resonances.pickle")
        print(learner.npoints, "points, loss", learner.loss())
