"""Molecular systems, replicas as pure functions of their state, and the store of their frames."""
