"""All campaigns of a study, and what they are worth against each other."""
