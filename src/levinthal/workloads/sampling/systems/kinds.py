"""The registry of systems: the modules of `built_in`, and plug-ins of the entry point group `levinthal.systems`."""

from __future__ import annotations

from levinthal.plugins import Registry

SYSTEMS = Registry("system", "levinthal.systems", "levinthal.workloads.sampling.systems.built_in")
"""Each is a `levinthal.workloads.sampling.systems.system.SystemKind`."""
