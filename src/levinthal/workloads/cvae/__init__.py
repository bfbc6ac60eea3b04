"""The convolutional variational autoencoder on contact maps of molecular dynamics.

For library users: `CVAE` in scikit-learn's manner. The workload itself is in `workload`.
"""

from __future__ import annotations

from typing import Any

__all__ = ["CVAE"]


def __getattr__(name: str) -> Any:
    """Import the estimator when it is asked for: it brings torch."""
    if name == "CVAE":
        from levinthal.workloads.cvae.estimator import CVAE

        return CVAE
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
