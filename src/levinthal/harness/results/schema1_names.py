"""The names that version 1 of the result format gave to figures, taken apart into name and labels."""

from __future__ import annotations

import re
from typing import Any

from levinthal.harness.results.scaling_points import FIGURES

__all__ = ["identity"]

_PATTERNS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?P<name>{'|'.join(FIGURES)}|step time), (?P<case>.+), batch (?P<batch_size>\d+)(?: a rank)?, "
        r"(?P<ranks>\d+) ranks?",
        r"curve/(?P<name>loss|dRMSD)/(?P<split>.+)",
        r"curve/(?P<name>cells seen)/(?P<policy>.+)",
        r"curve/(?P<name>[^/]+)/(?P<series>.+)",
    )
)
"""The group `name` is the name, each other a label; `_` in its name stands for a space, digits for a number."""


def identity(name: Any) -> dict[str, Any]:
    """Return name and labels of what version 1 called by one name."""
    for pattern in _PATTERNS if isinstance(name, str) else ():
        if found := pattern.fullmatch(name):
            labels = {label.replace("_", " "): value for label, value in found.groupdict().items() if value is not None}
            name = labels.pop("name")
            return {
                "name": name,
                "labels": {label: int(value) if value.isdigit() else value for label, value in labels.items()},
            }
    return {"name": name, "labels": {}}
