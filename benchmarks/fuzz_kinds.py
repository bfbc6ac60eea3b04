"""The kinds of files that `fuzz_inputs.py` breaks: how each is broken, and how it is read, as the commands read it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import fuzz_breaking as broken
import numpy as np

from levinthal.errors import LevinthalError


@dataclass(frozen=True)
class Kind:
    """Files in a folder: how they are broken, and how they are read."""

    mutate: Callable[[Path, random.Random], None]
    read: Callable[[Path], object]


# -- results, journals, plans, points, settings


def read_result(folder: Path) -> None:
    from levinthal.commands.brief import headline_lines
    from levinthal.harness.results.store import load_result
    from levinthal.harness.review.check import broken_by_result
    from levinthal.harness.review.compare import compare_results, comparison_lines
    from levinthal.report.page import render

    result = load_result(folder)
    broken_by_result(folder)
    headline_lines(result, folder, folder / "report.html")
    render([(folder, result)])
    list(comparison_lines(compare_results(load_result(folder / "as-it-was.json"), result)))
    result.to_pandas()


def read_run(folder: Path) -> None:
    """Do what `resume` does with a run of which a repeat is left, but for the repeat's own work."""
    from levinthal.harness.contract.registry import load_workload
    from levinthal.harness.engines.open import parse_engine
    from levinthal.harness.results.plan import repeat_folder
    from levinthal.harness.review.check import broken_by_result
    from levinthal.harness.running import execute, repeat
    from levinthal.harness.study.kind import record_files
    from levinthal.harness.study.registry import study_of

    def run_repeat(plan: Any, where: Path, index: int, events: Any, watcher: Any, lock: int) -> None:
        workload = load_workload(plan.workload)
        parse_engine(plan.engine)
        try:
            workload.Settings.model_validate(plan.settings)
        except ValueError:
            raise LevinthalError("the worker says so in one line") from None
        if plan.study is not None:
            study_of(plan.study, workload)
            record_files(plan.study, where, index)
        repeat_folder(where, index).mkdir(exist_ok=True)
        repeat._record_crash(plan, where, index, 1, events)
        watcher.event({"event": "progress"})

    (folder / "result.json").unlink()
    with mock.patch.object(execute, "run_repeat", run_repeat):
        execute.resume_run(folder)
    broken_by_result(folder)


def read_point(folder: Path) -> None:
    from levinthal.harness.results.grid import Choice, StudyPlan
    from levinthal.harness.results.store import read_json, validated
    from levinthal.harness.study.scaling.record import PointRecord

    for name, model in (("point", PointRecord), ("choice", Choice), ("study", StudyPlan)):
        found = validated(model, read_json(folder / f"{name}.json"), folder / f"{name}.json")
        if isinstance(found, StudyPlan):
            found.stems(), found.figure_points(), found.headline_points()


def read_settings(folder: Path) -> None:
    from levinthal.harness.contract.registry import load_workload
    from levinthal.harness.contract.settings import make_settings, read_settings_file

    found = read_settings_file(folder / "settings.toml")
    make_settings(load_workload("cvae").Settings, "smoke", found)


# -- tensors, arrays, records


def read_tensors(folder: Path) -> None:
    from levinthal.workloads.cvae.estimator import CVAE
    from levinthal.workloads.docking.search.agent.checkpoint import load_policy
    from levinthal.workloads.rgn.training.weights import load_weights
    from levinthal.workloads.training.checkpoint import load_checkpoint

    readers: dict[str, Callable[[Path], object]] = {
        "rgn": load_weights, "docking": load_policy, "cvae": CVAE.load,
        "training": lambda path: load_checkpoint(path.parent, _form()),
    }  # fmt: skip
    for path in sorted(folder.glob("*.safetensors")):
        readers[path.stem](path)


def _form() -> Any:
    from levinthal.workloads.cvae.training.checkpoint import FORM

    return FORM


def read_arrays(folder: Path) -> None:
    from levinthal.simulation.analysis.exact_chain import stationary_distribution
    from levinthal.simulation.exact.markov_chain import load_markov_chain
    from levinthal.workloads.sampling.study.outcome import load_outcome

    for name in ("csr.npz", "coo.npz", "dense.npy"):
        chain = load_markov_chain(folder / name)
        chain.advance(chain.start(0), 50, seed=1)
        stationary_distribution(chain.transition_matrix)
    load_outcome(folder / "outcome.npz")


def read_cache(folder: Path) -> None:
    from levinthal.proteins.records.cache import RecordCache
    from levinthal.workloads.rgn.data import corpus

    with mock.patch.dict("os.environ", {"LEVINTHAL_DATA": str(folder / "data")}):
        (path,) = folder.glob("data/records/*.cache")
        failed = None
        try:
            list(RecordCache(path))
        except LevinthalError as error:
            failed = error
        source = next(iter(path.parent.parent.glob("source-is-at"))).read_text()
        list(corpus._cached(Path(source), None, "skip", corpus.LeftOut()))
        if failed is not None:
            raise failed


def read_store(folder: Path) -> None:
    from levinthal.simulation.dynamics.frame_store import FrameStore, FrameWriter

    store = FrameStore(folder)
    for array in (store.coordinates_nm, store.contacts, store.steps, store.replicas):
        np.asarray(array).sum()
    with FrameWriter(folder, store.header):
        pass
    store.verify()


def read_campaign(folder: Path) -> None:
    from levinthal.workloads.sampling.record.reader import CampaignRecord

    record = CampaignRecord(folder)
    record.verify()
    np.asarray(record.frames).sum()
    for walker in range(min(record.header.n_walkers, 100)):
        record.walker_frames(walker)
    if len(record):
        record.lineage(len(record) - 1), record.steps, record.per_frame("segment")


KINDS: dict[str, Kind] = {
    "result": Kind(broken.break_artifact, read_result),
    "journal": Kind(broken.in_file("events.jsonl", broken.break_lines), read_run),
    "plan": Kind(broken.in_file("plan.json", broken.break_json), read_run),
    "point": Kind(broken.in_file("*.json", broken.break_json), read_point),
    "settings": Kind(broken.in_file("settings.toml", broken.break_toml), read_settings),
    "tensors": Kind(broken.in_file("*.safetensors", broken.break_tensors), read_tensors),
    "arrays": Kind(broken.in_file("*.np?", broken.break_arrays), read_arrays),
    "cache": Kind(broken.break_cache, read_cache),
    "store": Kind(broken.break_store, read_store),
    "campaign": Kind(broken.break_campaign, read_campaign),
}
