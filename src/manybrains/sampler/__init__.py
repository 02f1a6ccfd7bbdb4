"""The sampler: a process of its own that looks at every worker, and ends what would be left."""
