"""Starts a run on the scheduler that a job hosts (host.sbatch), or follows the run if it is there already.

    python notebook.py scheduler.json

Stop it, close the notebook, start it again on another machine: the run does not mind.
"""

import sys

from dask.distributed import Client
from resonances import response

import adaptive_dask as adaptive

NAME = "resonances"

if __name__ == "__main__":
    with Client(scheduler_file=sys.argv[1]) as client:
        if NAME in {run["name"] for run in adaptive.runs()}:
            runner = adaptive.attach(NAME)
            print("It is there already, with", runner.learner.npoints, "points")
        else:
            client.upload_file("resonances.py")
            learner = adaptive.Learner1D(response, bounds=(0, 1))
            # With a checkpoint it goes on when the job has ended and there is another one.
            runner = adaptive.Runner(learner, npoints_goal=150, name=NAME, checkpoint="resonances-checkpoint")
        runner.live_info_terminal(overwrite_previous=False).join()
        learner = runner.result()
        learner.save("resonances.pickle")
        print(learner.npoints, "points, loss", learner.loss())
