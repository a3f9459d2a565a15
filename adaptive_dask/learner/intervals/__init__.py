"""The intervals of `Learner1D`: points on a line, losses between them, and which interval is divided next."""
