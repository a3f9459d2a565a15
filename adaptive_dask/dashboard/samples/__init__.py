"""The samples of a run as they come, one module for each kind of picture.

Each has a *follower*, which takes what is new out of the learner, in the learner's thread, and keeps no more of it than
can be seen; and a *chart*, which draws what the follower prepared.
"""
