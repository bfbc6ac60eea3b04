"""Studies: a grid of labelled points, each measured once and kept, compared along its axes, drawn by the report.

For those who write a kind of study: `Study`, and what it is made of. For workloads whose repeat is a grid: `StudyPlan`,
`Kept`, `measure_in_turn`, `measure_side_by_side` and `pairs_along`.
"""

from levinthal.harness.results.grid import Axis, Choice, Drawing, Grid, Point, StudyPlan
from levinthal.harness.study.kept import Kept, Measured, kept_as_json, measure_in_turn
from levinthal.harness.study.kind import Bench, Figure, GateValue, Ratio, Study, Terms
from levinthal.harness.study.pairs import Pairs, largest_relative_difference, pairs_along
from levinthal.harness.study.side_by_side import measure_side_by_side

__all__ = [
    "Axis",
    "Bench",
    "Choice",
    "Drawing",
    "Figure",
    "GateValue",
    "Grid",
    "Kept",
    "Measured",
    "Pairs",
    "Point",
    "Ratio",
    "Study",
    "StudyPlan",
    "Terms",
    "kept_as_json",
    "largest_relative_difference",
    "measure_in_turn",
    "measure_side_by_side",
    "pairs_along",
]
