"""Archives as streams: files of simulations through a trained model, and the changes of state that it finds in them.

Files are read by some threads (each may have a process of its own) ahead of the model, no more of them at a time than
it can soon look at, so that memory is bounded whatever the archive's size. What the model calls a change of state is
held against what is known without it, as precision and recall within some frames, and both against chance: the events
of one file beside those that are known of another.
"""

from __future__ import annotations

import statistics
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from levinthal.errors import UsageError
from levinthal.harness.contract.embeds import Archive, Embeds
from levinthal.harness.contract.settings import Settings
from levinthal.harness.contract.workload import Workload
from levinthal.harness.results.grid import Axis, Drawing, Point, StudyPlan
from levinthal.harness.results.plan import read_plan, repeat_folder
from levinthal.harness.results.result import Result
from levinthal.harness.study.kept import Measured
from levinthal.harness.study.kind import Bench, Figure, GateValue, Study

_READERS = "readers"
_RATE, _BYTES, _WAITED = "embedding", "reading", "share of the time waiting for files"
_RECALL, _PRECISION = "recall of events", "precision of events"
_CHANCE = "harmonic mean of precision and recall by chance"
_AGREEMENT = "agreement on events beyond chance"
_LEAST_AGREEMENT = 0.2
_AHEAD = 2
_SHIFTS = 50


class ArchivesOptions(Settings):
    """Which archive, and how it is read."""

    source: str = Field(description="Folder of the run whose model is taken, that of its first repeat.")
    files: tuple[str, ...] = Field(
        default=(),
        description="Trajectory files, or patterns (traj/*.xtc); without any some are simulated and written.",
    )
    topology: str = Field(default="", description="Of these files.")
    readers: tuple[int, ...] = Field(default=(1, 2), min_length=1, description="How many files are read at a time.")
    tolerance_frames: int = Field(
        default=0, ge=0, description="Within which an event is the same; 0 leaves that to the workload."
    )
    passes: int = Field(default=3, ge=1, description="How often the archive is read for each number of readers.")


class ArchiveRecord(BaseModel):
    """What a pass over an archive took, and what was found.

    Attributes
    ----------
    n_files, n_frames, n_bytes : int
    pass_s : tuple of float
        Each time.
    waited_s : tuple of float
        Of these, waiting for files.
    n_found, n_known, n_matched : int
        Events of the model, of the reference, and of both.
    by_chance : float or None
        Of both, where the model's are of other files; null where there is one file.
    tolerance_frames : int
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    n_files: int
    n_frames: int
    n_bytes: int
    pass_s: tuple[float, ...] = Field(min_length=1)
    waited_s: tuple[float, ...]
    n_found: int
    n_known: int
    n_matched: int
    by_chance: float | None
    tolerance_frames: int


class ArchiveStudy(Study[ArchiveRecord]):
    """Files of simulations through a trained model: frames/s, GB/s, and the events it finds."""

    Options = ArchivesOptions
    Record = ArchiveRecord
    options: ArchivesOptions

    def __init__(self, workload: Workload, options: ArchivesOptions) -> None:
        super().__init__(workload, options)
        if not isinstance(workload, Embeds):
            raise UsageError(
                f"the model of workload {workload.name!r} finds no events in archives: it does not offer "
                "levinthal.harness.Embeds"
            )
        if bool(options.files) != bool(options.topology):
            raise UsageError("files and their topology belong together: give both, or neither to have some simulated")
        if min(options.readers) < 1 or len(set(options.readers)) < len(options.readers):
            raise UsageError("readers are whole numbers from 1 on, each once")
        self.embeds = workload
        self._archive: Archive | None = None

    def plan(self) -> StudyPlan:
        """Return the axis of readers."""
        return StudyPlan(
            kind="archives",
            axes=(Axis(name=_READERS, values=tuple(sorted(self.options.readers)), counted="reader"),),
            drawing=Drawing(
                title="Archives", shape="bars", across=_READERS, figures=(_RATE, _BYTES),
                lead="Files of simulations streamed through a trained model, by how many are read at a time.",
                headline=(_RATE, _RECALL), headings={_WAITED: "Waiting"}, shares=(_WAITED,),
            ),
        )  # fmt: skip

    def measure(self, bench: Bench, point: Point, file: Path) -> ArchiveRecord:
        """Stream the archive through the model, some times."""
        del file
        run, readers = bench.run, int(point[_READERS])
        if self._archive is None:
            trained = read_plan(Path(self.options.source))
            if trained.workload != self.workload.name or trained.study is not None:
                raise UsageError(
                    f"{self.options.source} is not a run of {self.workload.name}: name one of levinthal run"
                )
            settings = self.workload.Settings.model_validate(trained.settings)
            repeat = repeat_folder(Path(self.options.source), 0)
            self._archive = self.embeds.open_archive(
                run, settings, repeat, self.options.files, self.options.topology, bench.terms.folder / "archive"
            )
        archive, passes = self._archive, []
        tolerance = self.options.tolerance_frames or archive.tolerance_frames
        with run.phase(bench.plan.words(point), items=0) as phase:
            for _ in range(self.options.passes):
                passes.append(_pass(archive, readers, tolerance))
                phase.items = (phase.items or 0) + passes[-1].n_frames
        return passes[0].model_copy(
            update={
                "pass_s": tuple(each.pass_s[0] for each in passes),
                "waited_s": tuple(each.waited_s[0] for each in passes),
            }
        )

    def figures(self) -> Sequence[Figure[ArchiveRecord]]:
        """Return rates, the share of waiting, and what the events are worth."""
        return (
            Figure(_RATE, "frame/s", "higher", lambda _, record: record.n_frames / statistics.median(record.pass_s)),
            Figure(
                _BYTES, "GB/s", "higher", lambda _, record: 1e-9 * record.n_bytes / statistics.median(record.pass_s)
            ),
            Figure(_WAITED, "1", "lower", lambda _, record: sum(record.waited_s) / sum(record.pass_s)),
            Figure(_RECALL, "1", "higher", lambda _, record: _share(record.n_matched, record.n_known), kind="quality"),
            Figure(
                _PRECISION, "1", "higher", lambda _, record: _share(record.n_matched, record.n_found), kind="quality"
            ),
            Figure(_CHANCE, "1", "lower", lambda _, record: _agreement(record)[1], kind="quality"),
            Figure(_AGREEMENT, "1", "higher", lambda _, record: _agreement(record)[2], kind="quality"),
        )

    def samples(self, record: ArchiveRecord) -> Mapping[str, tuple[Sequence[float], str]]:
        """Return the time of each pass."""
        return {"time of a pass": (record.pass_s, "s")}

    def gates(self, plan: StudyPlan, measured: Measured[ArchiveRecord]) -> Iterator[GateValue]:
        """Yield that events are found: a model that sees none, or one in each frame, embeds nothing worth its speed."""
        del plan
        for point, record in measured.records.items():
            yield GateValue(
                _AGREEMENT, _agreement(record)[2], at_least=_LEAST_AGREEMENT, labels=dict(point),
                advice="train longer, or on data with more changes of state; or the archive holds too few, or one file",
            )  # fmt: skip

    def conclude(self, bench: Bench, measured: Measured[ArchiveRecord]) -> StudyPlan:
        """Say what was streamed, and what was found in it."""
        record = next(iter(measured.records.values()))
        if self._archive is not None:
            bench.run.note(f"An event: {self._archive.event}. Computed as {self._archive.execution}.")
        both, chance, _ = _agreement(record)
        beside = "" if both is None or chance is None else (
            f" Harmonic mean of precision and recall {both:.2f}, by chance {chance:.2f}."
        )  # fmt: skip
        bench.run.finding(
            f"{record.n_known:,} events in {record.n_frames:,} frames of {record.n_files:,} files: the model finds "
            f"{record.n_matched:,} of them within {record.tolerance_frames} frames, and "
            f"{record.n_found - record.n_matched:,} others.{beside}"
        )
        return bench.plan

    @staticmethod
    def last_line(result: Result) -> str:
        """Return what was found, of the first repeat."""
        found = result.repeats[0].findings
        return found[-1] if found else ""


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _agreement(record: ArchiveRecord) -> tuple[float | None, float | None, float | None]:
    """Return the harmonic mean of precision and recall, that by chance, and its excess over the most that is possible.

    The last is made as Cohen's kappa is: 0 by chance, 1 where all events are the same.
    """
    events = record.n_found + record.n_known
    if not events:
        return None, None, None
    mean = 2 * record.n_matched / events
    if record.by_chance is None:
        return mean, None, None
    chance = 2 * record.by_chance / events
    return mean, chance, (mean - chance) / (1 - chance) if chance < 1 else None


def _pass(archive: Archive, readers: int, tolerance: int) -> ArchiveRecord:
    """Stream all files once."""
    began_s, waited_s, known_s, n_frames = time.perf_counter(), 0.0, 0.0, 0
    found, known = [], []
    waiting = deque(archive.files)
    ahead: deque[Future[Any]] = deque()
    with ThreadPoolExecutor(readers) as threads:
        while waiting or ahead:
            while waiting and len(ahead) < _AHEAD * readers:
                ahead.append(threads.submit(archive.read, waiting.popleft()))
            asked_s = time.perf_counter()
            content = ahead.popleft().result()
            waited_s += time.perf_counter() - asked_s
            embedded = archive.embed(content)
            n_frames += embedded.n_frames
            found.append(embedded.events)
            asked_s = time.perf_counter()
            known.append(archive.reference(content))
            known_s += time.perf_counter() - asked_s  # what is known without the model is not its work
    pass_s = time.perf_counter() - began_s - known_s

    def in_common(shift: int) -> int:
        other = (*known[shift:], *known[:shift])
        return sum(matched(mine, theirs, tolerance) for mine, theirs in zip(found, other, strict=True))

    n_files = len(archive.files)
    return ArchiveRecord(
        n_files=n_files,
        n_frames=n_frames,
        n_bytes=sum(file.stat().st_size for file in archive.files),
        pass_s=(pass_s,),
        waited_s=(waited_s,),
        n_found=sum(map(len, found)),
        n_known=sum(map(len, known)),
        n_matched=in_common(0),
        by_chance=statistics.fmean(map(in_common, range(1, n_files)[:_SHIFTS])) if n_files > 1 else None,
        tolerance_frames=tolerance,
    )


def matched(found: npt.NDArray[np.int64], known: npt.NDArray[np.int64], tolerance: int) -> int:
    """Return how many events are the same: one to one, of one direction, at most so many frames apart.

    Parameters
    ----------
    found, known : ndarray of int64
        As in `levinthal.harness.contract.embeds.Embedded`.
    tolerance : int

    Examples
    --------
    >>> import numpy as np
    >>> from levinthal.harness.study.kinds.archives import matched
    >>> matched(np.array([5, -40, 90]), np.array([7, -70, 91]), 10)
    2
    """
    number = 0
    for sign in (1, -1):  # earliest first: the largest matching of points on a line
        mine, theirs = (np.sort(np.abs(each[np.sign(each) == sign])) for each in (found, known))
        i = k = 0
        while i < len(mine) and k < len(theirs):
            apart = mine[i] - theirs[k]
            if abs(apart) <= tolerance:
                number, i, k = number + 1, i + 1, k + 1
            elif apart < 0:
                i += 1
            else:
                k += 1
    return number


STUDY = ArchiveStudy
