"""Charts of what the host knows of a run; they read its history and its counters, never its learner."""
