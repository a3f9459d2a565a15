"""Live pictures of the samples of a run, one module for each kind of picture.

Each module has a *follower*, which reads new data of the learner in the learner's thread and keeps only as much as a
picture can show, and a *chart*, which draws the data that the follower prepared.
"""
