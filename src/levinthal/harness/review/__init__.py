"""What is said about results: the rules they keep, and how two of them compare."""
