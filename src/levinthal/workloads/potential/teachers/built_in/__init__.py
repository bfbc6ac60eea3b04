"""The teachers of the package, a module each."""
