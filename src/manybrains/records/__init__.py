"""What the lens saw, as frozen data, equal before and after JSON: machine, run, lane, sample."""
