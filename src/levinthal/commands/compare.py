"""`levinthal compare`: two results."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def compare(
    a: Annotated[Path, typer.Argument(help="The baseline: a result.json or run folder.")],
    b: Annotated[Path, typer.Argument(help="What is compared with it.")],
) -> None:
    """Say for each metric whether B is faster or slower than A, or that it cannot be decided."""
    from levinthal.harness.results.store import load_result
    from levinthal.harness.review.compare import compare_results, comparison_lines

    for line in comparison_lines(compare_results(load_result(a), load_result(b))):
        print(line)
