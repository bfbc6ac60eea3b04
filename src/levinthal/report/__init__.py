"""One self-contained HTML page from one or more results, or a leaderboard of many."""

from __future__ import annotations

from levinthal.report.finding import find_groups, find_results
from levinthal.report.leaderboard.page import write_leaderboard
from levinthal.report.page import write_report

__all__ = ["find_groups", "find_results", "write_leaderboard", "write_report"]
