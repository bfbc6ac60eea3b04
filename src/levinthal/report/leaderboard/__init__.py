"""A page of many runs: those that keep the rules and passed are ranked by figure of merit, the others are listed."""
