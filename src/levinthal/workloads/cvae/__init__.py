"""The convolutional variational autoencoder on contact maps of molecular dynamics, a workload and an estimator."""

from __future__ import annotations

from levinthal.moved import moved_names

__getattr__ = moved_names(__name__)
