"""One self-contained HTML page from one or more results."""

from __future__ import annotations

from levinthal.report.collect import find_results
from levinthal.report.page import write_report

__all__ = ["find_results", "write_report"]
