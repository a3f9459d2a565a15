"""The intervals of `Learner1D`: points on a line, losses between them, and the choice of the next interval."""
