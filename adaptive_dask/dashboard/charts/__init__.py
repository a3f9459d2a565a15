"""Charts of a run's history and counters, which need no access to its learner."""
