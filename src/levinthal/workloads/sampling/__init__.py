"""Adaptive sampling: simulations that go on where a model of what they have seen says it is worth it."""
