"""Everything the page says about a result, as plain values that a template only has to lay out."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from levinthal.harness.contract.main_figures import main_figures
from levinthal.harness.contract.meanings import meanings_of
from levinthal.harness.results.result import Artifact, Estimate, Repeat, Result
from levinthal.report.account import Account, StateBar, account_of, state_bars
from levinthal.report.artifacts import FileLink, Picture, embed, link
from levinthal.report.axis import Tick, linear_axis
from levinthal.report.comparisons import ComparisonGroup, Matrix, comparison_groups, matrices_of
from levinthal.report.curves import Plot, plots_of
from levinthal.report.figures import (
    FigureRow,
    SampleRow,
    common_reason,
    figure_rows,
    headline,
    sample_rows,
)
from levinthal.report.gates import GateRow, gate_rows, met_words, missed_gates
from levinthal.report.machine import Group, machine_groups, machine_words, settings_groups, software_groups
from levinthal.report.reproduce import command, settings_toml
from levinthal.report.rounding import duration, moment
from levinthal.report.scenes import MAX_PAGE_BYTES, SceneView, scenes_of
from levinthal.report.shares import WallTime, wall_time
from levinthal.report.study.view import StudyView, headline_keys, study_view
from levinthal.report.timeline import Key, Lane, lanes_of, phase_keys

_SMALL_PICTURES = 8


@dataclass(frozen=True)
class RepeatView:
    """One repeat: its timeline, its share bar and what went wrong in it."""

    number: int
    position: int
    seed: int
    started: str
    duration: str
    device: str
    precision: str
    implementation: str
    verdict: str
    error: str
    lanes: tuple[Lane, ...]
    states: tuple[StateBar, ...]
    axis_percent: float
    time_words: str


@dataclass(frozen=True)
class PictureSet:
    """The pictures of one name: the first large, those of other repeats small, the rest by path only."""

    name: str
    large: tuple[int, Picture]
    small: tuple[tuple[int, Picture], ...]
    more: tuple[tuple[int, str], ...]


@dataclass(frozen=True)
class ResultView:
    """One result, ready to be laid out."""

    anchor: str
    title: str
    folder: Path | None
    result: Result
    machine: str
    where: str
    sentence: str
    problems: tuple[str, ...]
    warnings: tuple[str, ...]
    estimates: tuple[str, ...]
    findings: tuple[str, ...]
    notes: tuple[str, ...]
    synthetic: bool
    n_passed: int
    typical: str
    headline: tuple[FigureRow, ...]
    figures: tuple[FigureRow, ...]
    matrices: tuple[Matrix, ...]
    lone_figures: tuple[FigureRow, ...]
    no_interval: str
    gates: tuple[GateRow, ...]
    comparisons: tuple[ComparisonGroup, ...]
    repeats: tuple[RepeatView, ...]
    time_ticks: tuple[Tick, ...]
    account: Account
    study: StudyView | None
    plots: tuple[Plot, ...]
    samples: tuple[SampleRow, ...]
    opening: tuple[PictureSet, ...]
    pictures: tuple[PictureSet, ...]
    scenes: tuple[SceneView, ...]
    files: tuple[FileLink, ...]
    meanings: Mapping[str, str]
    machine_groups: tuple[Group, ...]
    software_groups: tuple[Group, ...]
    settings_groups: tuple[Group, ...]
    same_machine_as: str
    command: str
    command_with_config: str
    settings_toml: str


def view_of(
    number: int, folder: Path | None, result: Result, earlier: Sequence[ResultView], beside: Path | None = None
) -> ResultView:
    """Prepare one result.

    Parameters
    ----------
    number : int
        Its place on the page, from 1.
    folder : Path or None
        The run folder, for the pictures.
    result : Result
        The result.
    earlier : sequence of ResultView
        Those above it: a machine that was described once is referred to.
    beside : Path, optional
        The folder that the page will lie in, from which its links lead to files of the run.
    """
    every_row = figure_rows(result)
    study = study_view(result, every_row)
    rows = tuple(row for row in every_row if study is None or row.key not in study.keys)
    matrices = matrices_of(rows)
    shown = {cell.key for matrix in matrices for row in matrix.rows for cell in row.cells if cell is not None}
    times = [wall_time(repeat) for repeat in result.repeats]
    keys = phase_keys(share.name for time in times for share in time.phases)
    axis_s = max((time.total_s for time in times), default=0.0)
    machine = machine_words(result.machine)
    passed = [time.total_s for time, repeat in zip(times, result.repeats, strict=True) if repeat.verdict == "passed"]
    return ResultView(
        anchor=f"result-{number}",
        title=_title(result, earlier),
        folder=folder,
        result=result,
        machine=machine,
        where=_where(result),
        sentence=_sentence(result),
        problems=tuple(_problems(result)),
        warnings=tuple(dict.fromkeys(each for repeat in result.repeats for each in repeat.warnings)),
        estimates=tuple(dict.fromkeys(_expected(each) for repeat in result.repeats for each in repeat.estimates)),
        findings=tuple(dict.fromkeys(each for repeat in result.repeats for each in repeat.findings)),
        notes=tuple(dict.fromkeys(note for repeat in result.repeats for note in repeat.notes)),
        synthetic=result.dataset.synthetic
        or any(r.dataset is not None and r.dataset.synthetic for r in result.repeats),
        n_passed=len(passed),
        typical=duration(statistics.median(passed)) if passed and result.verdict == "passed" else "",
        headline=_headline(result, every_row),
        figures=rows,
        matrices=matrices,
        lone_figures=tuple(row for row in rows if row.key not in shown),
        no_interval=common_reason(rows),
        gates=gate_rows(result),
        comparisons=comparison_groups(result.repeats),
        repeats=tuple(
            _repeat(position, repeat, time, axis_s, keys)
            for position, (repeat, time) in enumerate(zip(result.repeats, times, strict=True))
        ),
        time_ticks=linear_axis(0.0, axis_s).ticks if axis_s > 0 else (),
        study=study,
        account=account_of(result, times, keys),
        plots=plots_of(result.repeats),
        samples=sample_rows(result),
        opening=_pictures(result, folder, opens=True),
        pictures=_pictures(result, folder, opens=False),
        scenes=scenes_of(
            f"result-{number}",
            result,
            folder,
            beside,
            room_bytes=MAX_PAGE_BYTES - sum(scene.n_bytes for view in earlier for scene in view.scenes),
        ),
        files=_files(result, folder, beside),
        meanings=_meanings(result),
        machine_groups=machine_groups(result.machine, result.peaks),
        software_groups=software_groups(result.software),
        settings_groups=settings_groups(result.settings),
        same_machine_as=_same_machine(result, earlier),
        command=command(result, config=False),
        command_with_config=command(result, config=True),
        settings_toml=settings_toml(result.settings),
    )


def _same_machine(result: Result, earlier: Sequence[ResultView]) -> str:
    """Return the anchor of the result above that was made on the same machine with the same software, or nothing."""
    same = (view for view in earlier if view.result.machine == result.machine)
    return next((view.anchor for view in same if view.result.software == result.software), "")


def _files(result: Result, folder: Path | None, beside: Path | None) -> tuple[FileLink, ...]:
    """Return the artifacts that the page does not show as pictures, each with the way to it."""
    artifacts = [artifact for repeat in result.repeats for artifact in repeat.artifacts]
    return tuple(link(artifact, folder, beside) for artifact in artifacts if not _is_picture(artifact))


def _meanings(result: Result) -> dict[str, str]:
    """Return what the names in a result mean, as far as its workload says so: the page's glossary."""
    known = meanings_of(result.workload.name)
    repeats = result.repeats
    recorded = [[*each.metrics, *each.gates, *each.comparisons, *each.samples] for each in repeats]
    used = {each.name for each in result.summary} | {each.name for group in recorded for each in group}
    return {name: known[name] for name in known if name in used}


def _expected(estimate: Estimate) -> str:
    time = "" if estimate.duration_s is None else f": about {duration(estimate.duration_s)}"
    return f"{estimate.sentence}{time}"


def _headline(result: Result, rows: Sequence[FigureRow]) -> tuple[FigureRow, ...]:
    wanted = headline_keys(result.study) if result.study is not None else []
    if wanted:
        rows = sorted((row for row in rows if row.key in wanted), key=lambda row: wanted.index(row.key))
        return headline(rows, result.verdict)
    measured = {row.key: row for row in rows if row.median is not None}
    declared = tuple(measured[each.key] for each in main_figures(result) if each.key in measured)
    return declared or headline(rows, result.verdict)


def _title(result: Result, earlier: Sequence[ResultView]) -> str:
    """Return what no other result on the page is called: headings and tables are found by it."""
    title = f"{result.workload.name}, {_what(result)}"
    same = sum(each.title == title or each.title.startswith(f"{title} (") for each in earlier)
    return f"{title} ({same + 1})" if same else title


def _what(result: Result) -> str:
    return result.study.kind if result.study is not None and result.study.command else result.size


def _where(result: Result) -> str:
    used = dict.fromkeys((repeat.device, repeat.precision) for repeat in result.repeats if repeat.metrics)
    return "; ".join(f"device {device}, precision {precision}" for device, precision in used) or "device not known"


def _sentence(result: Result) -> str:
    n, good = len(result.repeats), sum(repeat.verdict == "passed" for repeat in result.repeats)
    if n == 0:
        return "Nothing was run: the result holds no repeat."
    every = "The repeat" if n == 1 else f"All {n} repeats"
    if good < n:
        return "The repeat failed." if n == 1 else f"{n - good} of {n} repeats failed."
    if result.verdict == "failed":
        return f"{every} passed, but fewer finished than were asked for."
    met = met_words(result)
    return f"{every} met {met}." if met else f"{every} finished without a gate or a sanity check of the answer."


def _problems(result: Result) -> list[str]:
    """Say for each failed repeat which gate it missed or how it ended."""
    several = len(result.repeats) > 1
    lines = []
    for repeat in result.repeats:
        if repeat.verdict == "passed":
            continue
        who = f"Repeat {repeat.index + 1}" if several else "The repeat"
        lines += [f"{who} missed {missed}." for missed in missed_gates(repeat)]
        if repeat.error:
            lines.append(f"{who} ended with an error: {repeat.error}")
    return lines


def _repeat(position: int, repeat: Repeat, time: WallTime, axis_s: float, keys: Mapping[str, Key]) -> RepeatView:
    words = [f"{duration(time.total_s)} in all"]
    if repeat.duration_s is None:
        words = [f"{duration(time.total_s)} until the end of its last phase (its whole duration was not recorded)"]
    if time.overlap_s > 0:
        words.append(f"two or more phases at once for {duration(time.overlap_s)}")
    words.append(f"no phase for {duration(time.unaccounted_s)}")
    return RepeatView(
        number=repeat.index + 1,
        position=position,
        seed=repeat.seed,
        started=moment(repeat.started_utc),
        duration=duration(repeat.duration_s) if repeat.duration_s is not None else "not recorded",
        device=repeat.device,
        precision=repeat.precision,
        implementation=repeat.implementation or "not recorded",
        verdict=repeat.verdict,
        error=repeat.error or "",
        lanes=lanes_of(repeat.phases, axis_s, keys),
        states=state_bars(time, keys),
        axis_percent=100 * time.total_s / axis_s if axis_s else 0.0,
        time_words="; ".join(words),
    )


def _is_picture(artifact: Artifact) -> bool:
    return any(Path(each).suffix.lower() in (".svg", ".png") for each in (artifact.name, artifact.path))


def _pictures(result: Result, folder: Path | None, *, opens: bool) -> tuple[PictureSet, ...]:
    """Group the pictures that open the report, or those that do not, by name; of the first repeat that passed first."""
    order = sorted(result.repeats, key=lambda repeat: (repeat.verdict == "failed", repeat.index))
    by_name: dict[str, list[tuple[int, Artifact]]] = {}
    for repeat in order:
        for artifact in (each for each in repeat.artifacts if _is_picture(each) and each.opens == opens):
            by_name.setdefault(artifact.name, []).append((repeat.index + 1, artifact))
    sets = []
    for name, entries in by_name.items():
        shown = [(number, embed(artifact, folder)) for number, artifact in entries[: 1 + _SMALL_PICTURES]]
        rest = tuple((number, artifact.path) for number, artifact in entries[1 + _SMALL_PICTURES :])
        sets.append(PictureSet(name, shown[0], tuple(shown[1:]), rest))
    return tuple(sets)
