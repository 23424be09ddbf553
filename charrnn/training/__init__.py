"""Training: the step, the optimizer, the schedule, the round, validation and the history.  No paths."""
