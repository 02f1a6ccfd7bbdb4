"""What a worker that is not forked gets: functions of the notebook and what they use."""
