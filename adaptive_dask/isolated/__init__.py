"""Evaluation in processes that can be ended: a launcher for each evaluating process, and its children.

The launcher is a process with one thread, which forks the children and runs no user code. It ends a child together with
all processes that the function has started. It ends itself when the process that has started it is gone. This package
does not depend on Dask.
"""
