"""Evaluation in processes that can be ended: one launcher for each process that evaluates, and children of it.

The launcher is a process with one thread, which forks the children and runs no code of users. It ends a child together
with all processes that were started by the function, and itself when the process that started it is gone. This package
does not know Dask.
"""
