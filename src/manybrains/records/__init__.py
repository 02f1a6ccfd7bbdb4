"""What was seen, as frozen data, equal before and after JSON: machine, run, lane, sample."""
