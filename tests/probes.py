"""The environment in which the workloads of `tests/plugin` are installed."""

from __future__ import annotations

import os
from pathlib import Path


def probe_environment() -> dict[str, str]:
    """Return an environment in which the workloads of `tests/plugin` are found."""
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parent / "plugin"), "COLUMNS": "120"}
