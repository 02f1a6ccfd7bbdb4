"""From Runs to verdicts on speed: compare(), measure_scaling(), ceiling()."""
