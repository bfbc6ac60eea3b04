"""What poses are worth: rescoring, plausibility, comparisons and verdicts."""
