"""Scaling studies: the same training on more and more ranks."""
