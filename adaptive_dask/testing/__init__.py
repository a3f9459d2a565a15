"""What helps to test learners: functions that the field knows, and checks that every learner should pass."""
