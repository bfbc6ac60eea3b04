"""The workload `rgn`: sequences and their profiles, a recurrent geometric network, and the structures it predicts.

It reads from top to bottom: profiles, records, training, prediction against known structures, prediction against the
clock, files. Predictors that know nothing of the sequence stand beside the network.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from levinthal.files.checksums import digest_of
from levinthal.harness import Rank, Run, ScalingCase, Settings
from levinthal.metrics.peaks import Peaks
from levinthal.metrics.process import process_tree_usage
from levinthal.proteins.records import ProteinRecord
from levinthal.proteins.similarity.structure_scores import StructureScores, score_structure
from levinthal.workloads.rgn.data.corpus import Corpus, read_corpus
from levinthal.workloads.rgn.data.features import features_of
from levinthal.workloads.rgn.model.config import PRESETS, flops_per_residue
from levinthal.workloads.rgn.model.network import RGNModel
from levinthal.workloads.rgn.prediction.evaluation import (
    IDEAL_HELIX_RAD,
    best_constant_torsions,
    constant_backbones,
    mean_torsions,
    median_by_group,
)
from levinthal.workloads.rgn.prediction.figures import score_figure, time_figure
from levinthal.workloads.rgn.prediction.predictor import (
    STAGES,
    fit_growth,
    length_bins,
    lower_precision,
    predict,
    time_batch,
    time_target,
)
from levinthal.workloads.rgn.prediction.requests import Request, read_requests, warning_of, write_predictions
from levinthal.workloads.rgn.settings import RGNSettings
from levinthal.workloads.rgn.targets import random_sequences
from levinthal.workloads.rgn.training.checkpoint import Provenance, load_weights, save_weights
from levinthal.workloads.rgn.training.curriculum import Curriculum
from levinthal.workloads.rgn.training.history import History
from levinthal.workloads.rgn.training.loop import train
from levinthal.workloads.rgn.training.optimiser import OPTIMISERS
from levinthal.workloads.rgn.training.ranks import train_on_ranks
from levinthal.workloads.rgn.training.scaling import CASES, RGNTrainer, store_records
from levinthal.workloads.rgn.training.settings import TrainingSettings

__all__ = ["RGNWorkload"]

_ANGSTROM_PER_NM = 10.0
_FAR_BELOW = 0.75
"""Held-out dRMSD of a trained network against the best of the predictors that know nothing of the sequence."""
_TRIVIAL = ("mean torsions", "ideal helix", "best constant torsions")
_MOST_FOR_GRID = 30

_MOST_FOR_TORSIONS = 1_000
_FEW_UNITS = 128

Floats = npt.NDArray[np.float32]


class _Targets(NamedTuple):
    """Sequences and features to predict against the clock, and what they are."""

    what: str
    proteins: Sequence[tuple[str, Floats]]


class RGNWorkload:
    """Recurrent geometric network: from sequence and profile to backbone structure."""

    name: ClassVar[str] = "rgn"
    version: ClassVar[int] = 1
    Settings: ClassVar[type[Settings]] = RGNSettings
    scaling_cases: ClassVar[Mapping[str, ScalingCase]] = CASES
    item: ClassVar[str] = "protein"

    def run(self, run: Run, settings: RGNSettings) -> None:
        """Make or read records, train, predict and time."""
        if settings.deterministic:
            torch.set_num_threads(1)
        # Mistakes in a person's files are found before anything long begins.
        requests = read_requests(run, settings.fasta, settings.database) if settings.fasta else ()
        given = load_weights(settings.weights, device=run.device) if settings.weights else None
        corpus = None if given is not None and requests and not settings.data else _corpus(run, settings)
        with run.phase("calibrate"):
            peaks = run.peaks()
        if given is not None:
            (model, provenance), history = given, None
        else:
            assert corpus is not None
            model, provenance, history = _train(run, settings, corpus, peaks)
        run.note(warning_of(provenance))
        if corpus is not None:
            _measure(run, settings, model, corpus, trained=provenance.steps > 0)
            _tell_profiles(run, corpus)
        else:
            digest = digest_of(settings.fasta)
            run.dataset(Path(settings.fasta).name, version="1", sha256=digest, synthetic=False)
        _time(run, settings, model, _targets(settings, requests, corpus, run.seed_for("targets", bits=31)), peaks)
        if requests:
            write_predictions(run, model, provenance, requests)
        if history is not None:
            _tell_updates(run, history)
        run.metric("peak memory", process_tree_usage().peak_rss_bytes / 1e6, unit="MB", better="lower")

    def prepare_training(self, run: Run, settings: RGNSettings) -> None:
        """Make or read the records for the ranks of a scaling study."""
        store_records(run, _corpus(run, settings))

    def trainer(self, rank: Rank, settings: RGNSettings) -> RGNTrainer:
        """Return the trainer of one rank."""
        model = RGNModel(PRESETS[settings.preset], seed=rank.seed % 2**31)
        how = _training_settings(settings, seed=rank.seed % 2**31, precision=rank.precision)
        return RGNTrainer(rank, model, how, settings.max_length)


def _training_settings(settings: RGNSettings, *, seed: int, precision: str) -> TrainingSettings:
    return TrainingSettings(
        steps=max(1, settings.steps),
        batch_size=settings.batch_size,
        optimiser=OPTIMISERS[settings.preset],
        seed=seed,
        precision="bf16" if precision == "bf16" else "fp32" if precision == "fp32" else "auto",
        deterministic=settings.deterministic,
        validation_interval=settings.validation_interval,
        curriculum=Curriculum() if settings.preset == "fast" else None,
    )


def _corpus(run: Run, settings: RGNSettings) -> Corpus:
    seed = run.seed_for("data", bits=31)
    if settings.data:
        with run.phase("load") as phase:
            corpus = read_corpus(
                settings.data,
                thinning=settings.thinning,
                validation=settings.validation,
                on_fault=settings.faults,
                seed=seed,
                folder=run.folder / "records",
            )
            phase.items = len(corpus.train) + len(corpus.validation)
    else:
        from levinthal.workloads.rgn.data.families import make_corpus

        corpus = make_corpus(run, settings, seed)
    for fault, count in corpus.faults.items():
        run.note(f"{count:,} records were left out: {fault}.")
    if not corpus.held_out:
        run.note("There are too few records to hold any out: what is measured on is what was trained on.")
    run.dataset(
        corpus.origin.name, version=corpus.origin.version, sha256=corpus.sha256,
        synthetic=corpus.origin.label == "synthetic",
    )  # fmt: skip
    return corpus


def _train(
    run: Run, settings: RGNSettings, corpus: Corpus, peaks: Peaks
) -> tuple[RGNModel, Provenance, History | None]:
    config = PRESETS[settings.preset]
    weights_seed = run.seed_for("weights", bits=31)
    if settings.steps == 0:
        return RGNModel(config, seed=weights_seed).to(run.device).eval(), Provenance(), None
    how = _training_settings(settings, seed=run.seed_for("training", bits=31), precision=run.precision)
    # Two threads of so small a network gain a fifth on an idle machine and lose fivefold beside a neighbour.
    alone = run.device == "cpu" and config.n_hidden <= _FEW_UNITS
    with run.phase("train", total=settings.steps) as phase, _threads(1 if alone else torch.get_num_threads()):
        if settings.ranks > 1:
            model, history = train_on_ranks(
                settings.ranks,
                config,
                how,
                data=corpus.train.path,
                validation=corpus.validation.path,
                out=run.folder / "training",
                label=corpus.origin.label,
                max_length=settings.max_length,
                seed=weights_seed,
                device=run.device.partition(":")[0],
                on_step=lambda _: phase.advance(),
            )
            model.to(run.device)
        else:
            model = RGNModel(config, seed=weights_seed)
            history = train(
                model,
                corpus.examples(corpus.train, settings.max_length),
                how,
                validation=corpus.examples(corpus.validation, settings.max_length),
                device=run.device,
                on_step=lambda _: phase.advance(),
                checkpoint_folder=run.folder / "training",
            )
        phase.items = int(history.column("residues").sum())
    run.use_precision(history.precision)
    _tell_training(run, settings, history, peaks)
    provenance = Provenance(
        corpus.origin.label,
        len(history.steps),
        history.recent_loss_nm,
        history.validations[-1].drmsd_nm if corpus.held_out else None,
    )
    save_weights(run.folder / "weights.safetensors", model, provenance)
    return model, provenance, history


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _tell_training(run: Run, settings: RGNSettings, history: History, peaks: Peaks) -> None:
    reached_s = history.time_to_s(settings.target_drmsd / _ANGSTROM_PER_NM)
    run.metric(
        "time to target dRMSD",
        reached_s,
        unit="s",
        better="lower",
        reason=None if reached_s is not None else f"{settings.target_drmsd:g} A not reached in {settings.steps} steps",
    )
    run.metric("training", history.residues_per_s, unit="residue/s", better="higher")
    run.metric("training step, median", 1e3 * history.step_percentile_s(50), unit="ms", better="lower")
    run.metric("training step, 90th percentile", 1e3 * history.step_percentile_s(90), unit="ms", better="lower")
    _tell_arithmetic(
        run, "training", history.residues_per_s * flops_per_residue(PRESETS[settings.preset], training=True),
        peaks, history.precision,
    )  # fmt: skip
    run.metric("padding efficiency", history.padding_efficiency, unit="1", better="higher")
    last = [_between(history, i) for i in range(len(history.validations))]
    lines = {
        "training": last,
        "held out": [_ANGSTROM_PER_NM * each.drmsd_nm for each in history.validations],
        **{
            group: [_ANGSTROM_PER_NM * each.drmsd_nm_by_group[group] for each in history.validations]
            for group in history.validations[-1].drmsd_nm_by_group
        },
    }
    steps = [validation.step for validation in history.validations]
    for split, values in lines.items():
        run.curve("dRMSD", steps, values, x_name="training step", x_unit="1", unit="A", labels={"split": split})


def _tell_updates(run: Run, history: History) -> None:
    run.metric("clipped updates", history.clip_rate, unit="1", better="lower", kind="quality")
    run.metric("updates without a finite gradient", history.n_skipped, unit="1", better="lower", kind="quality")


def _tell_profiles(run: Run, corpus: Corpus) -> None:
    if corpus.n_without_relatives is None:
        return
    n_searched = len(corpus.train) + len(corpus.validation) + (0 if corpus.test is None else len(corpus.test))
    rate = n_searched / run.duration_s("profile")
    run.metric("profile search, training data", rate, unit="sequence/s", better="higher")
    run.metric("profiles without relatives", corpus.n_without_relatives, unit="1", better="lower", kind="quality")


def _between(history: History, number: int) -> float:
    """Return the mean training loss in A of the steps since the validation before."""
    first = history.validations[number - 1].step if number else 0
    losses = history.column("loss_nm")[first : history.validations[number].step]
    return _ANGSTROM_PER_NM * float(np.nanmean(losses))


def _tell_arithmetic(run: Run, what: str, flop_s: float, peaks: Peaks, precision: str) -> None:
    peak = peaks.bf16_gflop_s if precision == "bf16" else peaks.fp32_gflop_s
    run.metric(f"{what} arithmetic", flop_s / 1e9, unit="GFLOP/s", better="higher")
    run.metric(
        f"{what}, share of the measured peak",
        None if peak is None else flop_s / 1e9 / peak,
        unit="1",
        better="higher",
        reason=None if peak is not None else f"the {precision} peak was not measured",
    )


def _measure(run: Run, settings: RGNSettings, model: RGNModel, corpus: Corpus, *, trained: bool) -> None:
    """Compare predictions with known structures, and with predictors that do not look at the sequence."""
    held_out = [record for record in corpus.validation if len(record) <= settings.max_length]
    with run.phase("predict", items=len(held_out)):
        structures = predict(model, [features_of(record.sequence, record.profile) for record in held_out])
    with run.phase("evaluate", items=len(held_out)):
        spread = max(1, len(corpus.train) // _MOST_FOR_TORSIONS)
        torsions = mean_torsions(corpus.train[number] for number in range(0, len(corpus.train), spread))
        spread = max(1, len(corpus.train) // _MOST_FOR_GRID)
        some = (corpus.train[number] for number in range(0, len(corpus.train), spread))
        sample = [record for record in some if record.coordinates_nm is not None and len(record) <= settings.max_length]
        lengths = [len(record) for record in held_out]
        predictors = {
            "network": structures,
            "mean torsions": constant_backbones(torsions, lengths),
            "ideal helix": constant_backbones(IDEAL_HELIX_RAD, lengths),
            "best constant torsions": constant_backbones(best_constant_torsions(sample), lengths),
        }
        scores = {name: _scores(predicted, held_out) for name, predicted in predictors.items()}
    what = "held-out" if corpus.held_out else "training set"
    drmsd = {name: np.array([_ANGSTROM_PER_NM * each.drmsd_nm for each in found]) for name, found in scores.items()}
    means = {name: float(np.nanmean(values)) for name, values in drmsd.items()}
    run.metric(f"{what} dRMSD", means["network"], unit="A", better="lower", kind="quality")
    for name in _TRIVIAL:
        run.metric(f"{what} dRMSD ({name})", means[name], unit="A", better="lower", kind="quality")
    _tell_scores(run, scores["network"], [what] * len(held_out))
    if corpus.test is not None:
        test = list(corpus.test)
        found = _scores(predict(model, [features_of(record.sequence, record.profile) for record in test]), test)
        _tell_scores(run, found, [record.group or "test" for record in test])
    run.gate("structures with a coordinate that is not finite", _n_broken(structures), at_most=0.0)
    if trained:
        trivial = min(means[name] for name in _TRIVIAL)
        run.gate(f"{what} dRMSD (A)", means["network"], at_most=settings.target_drmsd)
        run.gate(
            f"{what} dRMSD over that of the best trivial predictor", means["network"] / trivial, at_most=_FAR_BELOW
        )
    run.artifact(
        "scores.svg",
        score_figure({name: values[np.isfinite(values)] for name, values in drmsd.items()}),
        f"dRMSD of the {what} proteins: the network, and three predictors that do not look at the sequence.",
    )


def _scores(predicted: Sequence[Floats], records: Sequence[ProteinRecord]) -> list[StructureScores]:
    """Score CA traces; NaN for a record without coordinates."""
    nothing = np.zeros((0, 3))
    found = []
    for atoms_nm, record in zip(predicted, records, strict=True):
        truth_nm, mask = record.coordinates_nm, record.resolved
        if truth_nm is None:
            found.append(score_structure(nothing, nothing, np.zeros(0, np.bool_)))
        else:
            found.append(score_structure(atoms_nm[:, 1], truth_nm[:, 1], mask))
    return found


def _tell_scores(run: Run, scores: Sequence[StructureScores], groups: Sequence[str]) -> None:
    for group, (median, count) in median_by_group(scores, groups).items():
        where = f"({group}, median of {count})"
        why = "no protein has three resolved residues"
        for name, value in (("dRMSD", median.drmsd_nm), ("RMSD", median.rmsd_nm)):
            run.metric(
                f"{name} {where}", _ANGSTROM_PER_NM * value, unit="A", better="lower", kind="quality", reason=why
            )
        for name, value in (
            ("TM-score", median.tm_score),
            ("GDT_TS", median.gdt_ts),
            ("lDDT-CA", median.lddt_ca),
            ("handedness", median.handedness),
        ):
            run.metric(f"{name} {where}", value, unit="1", better="higher", kind="quality", reason=why)


def _targets(settings: RGNSettings, requests: Sequence[Request], corpus: Corpus | None, seed: int) -> _Targets:
    """Return what prediction is timed on: a person's sequences, CASP's where they are there, else random ones."""
    if requests:
        return _Targets("the sequences given", [(each.sequence, each.features) for each in requests])
    if corpus is not None and corpus.test is not None and corpus.origin.label != "synthetic":
        records = list(corpus.test)
        return _Targets(
            "the test records", [(each.sequence, features_of(each.sequence, each.profile)) for each in records]
        )
    sequences = random_sequences(settings.target_lengths, seed)
    return _Targets("random sequences, for timing only", [(each, features_of(each, None)) for each in sequences])


def _time(run: Run, settings: RGNSettings, model: RGNModel, targets: _Targets, peaks: Peaks) -> None:
    """Predict each target against the clock, alone and all together."""
    moved_nm = lower_precision(model, [features for _, features in targets.proteins])
    with run.phase("time", items=len(targets.proteins), total=len(targets.proteins)) as phase:
        timings = []
        for sequence, features in targets.proteins:
            timings.append(time_target(model, sequence, features, run.folder, timings=settings.timings))
            phase.advance()
        batched_s = time_batch(model, [features for _, features in targets.proteins], timings=settings.timings)
    run.metric(
        "dRMSD that 16-bit weights would move a structure by", _ANGSTROM_PER_NM * moved_nm, unit="A", better="lower",
        kind="quality",
    )  # fmt: skip
    ordered = sorted(timings, key=lambda timing: timing.n_residues)
    run.samples("prediction/residues", [timing.n_residues for timing in ordered], unit="residue")
    run.samples("prediction/total", [1e3 * np.median(timing.total_s) for timing in ordered], unit="ms")
    for number, stage in enumerate(STAGES):
        values = [1e3 * np.median(timing.stages_s[:, number]) for timing in ordered]
        run.samples(f"prediction/{stage}", values, unit="ms")
    for name, members in length_bins(timings).items():
        seconds = np.concatenate([timing.total_s for timing in members])
        for what, value in (("median", np.median(seconds)), ("90th percentile", np.quantile(seconds, 0.9))):
            run.metric(f"prediction, {name} residues, {what}", 1e3 * float(value), unit="ms", better="lower")
    n_residues = sum(timing.n_residues for timing in timings)
    alone_s = sum(float(np.median(timing.total_s)) for timing in timings)
    run.metric("prediction, one at a time", n_residues / alone_s, unit="residue/s", better="higher")
    batched = n_residues / float(np.median(batched_s))
    run.metric("prediction, batched", batched, unit="residue/s", better="higher")
    _tell_arithmetic(run, "prediction", batched * flops_per_residue(model.config), peaks, "fp32")
    geometry = sum(float(np.median(timing.stages_s[:, STAGES.index("geometry")])) for timing in timings)
    run.metric("prediction, share of geometry", geometry / alone_s, unit="1", better="lower")
    growth = fit_growth(timings)
    if growth is not None:
        run.metric("prediction, growth a residue", 1e6 * growth.per_residue_s, unit="us", better="lower")
        run.metric("prediction, exponent of length", growth.exponent, unit="1", better="lower")
    run.artifact(
        "prediction_time.svg",
        time_figure(timings, growth, targets.what),
        f"Prediction time against number of residues, one protein at a time, a point for each target "
        f"({targets.what}), and its split by stage; the profile, searched once, is not in it.",
    )


def _n_broken(structures: Sequence[Floats]) -> float:
    return float(sum(not np.isfinite(atoms_nm).all() for atoms_nm in structures))
