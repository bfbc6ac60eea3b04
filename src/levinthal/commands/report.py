"""`levinthal report`: one page from results."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    paths: Annotated[list[Path], typer.Argument(help="Results, run folders, or folders of run folders.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The HTML file to write.")] = Path("report.html"),
) -> None:
    """Write one self-contained HTML page from results."""
    from levinthal.harness.results.store import load_result
    from levinthal.report import find_results, write_report

    write_report([(path.parent, load_result(path)) for path in find_results(paths)], output)
    print(f"report: {output}")
