"""The students of the package, a module each."""
