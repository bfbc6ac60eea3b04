"""A kind of study that another package brings: naps of several lengths and depths, one of which can be doomed."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, Field

from levinthal.errors import DataError
from levinthal.harness import Settings
from levinthal.harness.study import Axis, Bench, Choice, Figure, GateValue, Measured, Point, Ratio, Study, StudyPlan


class NapOptions(Settings):
    lengths: tuple[float, ...] = Field(default=(1.0, 2.0), description="Lengths of naps.")
    doomed: float = Field(default=0.0, description="A length that nobody sleeps.")
    second_s: ClassVar[float] = 0.25


class Nap(BaseModel):
    seconds: float
    dreams: int
    pillow: str


class NapStudy(Study[Nap]):
    """How long naps take, on a pillow that is chosen once for each depth."""

    Options = NapOptions
    Record = Nap

    def plan(self) -> StudyPlan:
        """Return the axes: depth, length, and two naps of each."""
        return StudyPlan(
            kind="naps",
            axes=(
                Axis(name="depth", values=("light", "deep"), baseline="light"),
                Axis(name="length", values=self.options.lengths, after="s"),
                Axis(name="nap", values=(1, 2), repeats=True),
            ),
        )

    def chosen_by(self) -> tuple[str, ...]:
        """Choose a pillow for each depth."""
        return ("depth",)

    def choose(self, bench: Bench, labels: Point, file: Path) -> Choice:
        """Take the next pillow and leave a mark."""
        with (bench.terms.folder / "pillows").open("a") as marks:
            marks.write(f"{labels['depth']}\n")
        return Choice(taken={"pillow": f"{labels['depth']} down"}, reason="softest of 3")

    def measure(self, bench: Bench, point: Point, file: Path) -> Nap:
        """Sleep."""
        length = float(point["length"])
        if length == self.options.doomed:
            raise DataError(f"nobody sleeps {length} s: nap less")
        time.sleep(NapOptions.second_s)
        seconds = length * (2 if point["depth"] == "deep" else 1) * (1 + 0.1 * int(point["nap"]))
        return Nap(seconds=seconds, dreams=int(length), pillow=str(bench.choices[point.on("depth")].taken["pillow"]))

    def figures(self) -> Sequence[Figure[Nap] | Ratio]:
        """Return time, dreams, and how much longer a deep nap is."""
        return (
            Figure("sleep", "s", "lower", lambda point, nap: nap.seconds),
            Figure("dreams", "1", "higher", lambda point, nap: nap.dreams, kind="quality"),
            Ratio("deepness", "sleep", "depth", better="lower"),
        )

    def gates(self, plan: StudyPlan, measured: Measured[Nap]) -> Iterator[GateValue]:
        """Yield that somebody dreamt."""
        yield GateValue("dreams of all", float(sum(nap.dreams for nap in measured.records.values())), at_least=1.0)

    def conclude(self, bench: Bench, measured: Measured[Nap]) -> StudyPlan:
        """Say that there were no data."""
        bench.run.dataset("nothing", version="1", sha256="0" * 64, synthetic=True)
        return bench.plan
