"""Starts a run on the scheduler that a job hosts (host.sbatch), or follows the run if it is going on there.

    python notebook.py scheduler.json [points]

Stop it, close the notebook, start it again on another machine: the run does not mind. When it has ended, the same call
with more points goes on, and so it does when the run has failed, or when the job has ended and there is another one.
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
            print("It is there already, with", runner.learner.npoints, "points")
        else:
            client.upload_file("resonances.py")  # again, in case that it was corrected
            learner = adaptive.Learner1D(response, bounds=(0, 1))
            goal = int(points[0]) if points else 150
            # The checkpoint has what earlier runs have found.
            runner = adaptive.Runner(learner, npoints_goal=goal, name=NAME, checkpoint="resonances-checkpoint")
        runner.live_info_terminal(overwrite_previous=False).join()
        learner = runner.result()
        learner.save("resonances.pickle")
        print(learner.npoints, "points, loss", learner.loss())
