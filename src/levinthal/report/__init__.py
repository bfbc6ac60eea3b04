"""One self-contained HTML page from one or more results."""

from __future__ import annotations

from levinthal.report.page import find_results, write_report

__all__ = ["find_results", "write_report"]
