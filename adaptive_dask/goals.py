"""Goals of runs, under their public name; see `adaptive_dask.run.goals`."""

from adaptive_dask.run.goals import Goal, GoalFunction, auto_goal, make_goal, stop_after

__all__ = ["Goal", "GoalFunction", "auto_goal", "make_goal", "stop_after"]
