"""The record of a campaign: SQLite rows beside an append-only frame file."""

from __future__ import annotations

from levinthal.moved import moved_names

__getattr__ = moved_names(__name__)
