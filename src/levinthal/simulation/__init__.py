"""Molecular systems, replicas as pure functions of their state, and the store of their frames.

For people with an OpenMM script of their own: `ContactMapReporter`.
"""

from __future__ import annotations

from typing import Any

__all__ = ["ContactMapReporter"]


def __getattr__(name: str) -> Any:
    """Import the reporter when it is asked for."""
    if name == "ContactMapReporter":
        from levinthal.simulation.dynamics.contact_map_reporter import ContactMapReporter

        return ContactMapReporter
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
