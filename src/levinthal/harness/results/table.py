"""A result as a tidy table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levinthal.errors import MissingExtraError
from levinthal.harness.results.result import Result

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["COLUMNS", "metrics_table"]

COLUMNS = ("workload", "size", "repeat", "seed", "metric", "value", "unit", "better", "kind", "verdict", "reason")


def metrics_table(result: Result) -> pd.DataFrame:
    """Return a row for each metric of each repeat, also of those that missed a gate.

    Parameters
    ----------
    result : Result
        A run.

    Returns
    -------
    pandas.DataFrame
        Columns workload, size, repeat, seed, metric, value, unit, better, kind, verdict, reason; a value that was not
        measured is NaN and its reason is text, elsewhere the reason is None.

    Raises
    ------
    MissingExtraError
        pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError:
        raise MissingExtraError("pandas", "pandas", "a table of metrics") from None
    rows = [
        (
            result.workload.name,
            result.size,
            repeat.index,
            repeat.seed,
            metric.name,
            metric.value,
            metric.unit,
            metric.better,
            metric.kind,
            repeat.verdict,
            metric.reason,
        )
        for repeat in result.repeats
        for metric in repeat.metrics
    ]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.astype({"repeat": "int64", "seed": "int64", "value": "float64"})
