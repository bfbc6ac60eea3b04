"""A learned potential in the place of an expensive one: labels, students, dynamics, and what it is worth."""
