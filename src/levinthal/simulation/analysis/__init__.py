"""What a set of trajectories is worth: entropy, recurrence, coverage, divergence, passage times, ratios of policies."""
