"""The workload `rgn`: sequences and their profiles, a recurrent geometric network, and the structures it predicts.

It reads from top to bottom: profiles, records, training, prediction against known structures, prediction against the
clock, files. Beside the network stand one that sees a window of the sequence, and predictors that see nothing of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import torch

from levinthal.files.checksums import digest_of
from levinthal.harness import Choice, Rank, Run, ScalingCase, Settings
from levinthal.harness.contract.seeds import low_bits
from levinthal.harness.contract.workload import FigureOfMerit, MainFigure
from levinthal.harness.results.figures import Better
from levinthal.kernels.choice import choose
from levinthal.proteins.sequences.fasta import read_fasta
from levinthal.workloads.implementation import use_implementation
from levinthal.workloads.rgn.data.corpus import Corpus, read_corpus
from levinthal.workloads.rgn.data.features import features_of
from levinthal.workloads.rgn.learning import (
    WEIGHTS,
    Learned,
    learn,
    learn_window,
    report_updates,
    training_arithmetic,
    training_folder,
    training_settings,
)
from levinthal.workloads.rgn.model.config import PRESETS
from levinthal.workloads.rgn.model.network import RGNModel
from levinthal.workloads.rgn.prediction.quality import measure_quality
from levinthal.workloads.rgn.prediction.requests import read_requests, warning_of, write_predictions
from levinthal.workloads.rgn.prediction.serving import DRMSD, RGNInference, bucket_of
from levinthal.workloads.rgn.prediction.timing import measure_time, targets_of, timed_model
from levinthal.workloads.rgn.prediction.training_time import report_training_time
from levinthal.workloads.rgn.prediction.variants import report_variants
from levinthal.workloads.rgn.settings import RGNSettings
from levinthal.workloads.rgn.targets import random_sequences
from levinthal.workloads.rgn.training.scaling import CASES, RGNTrainer, choice_of_execution, store_records
from levinthal.workloads.rgn.training.weights import Provenance, load_weights
from levinthal.workloads.training.reporting import report_arithmetic, report_peak_memory
from levinthal.workloads.training.resuming import end_training


class RGNWorkload:
    """Recurrent geometric network: from sequence and profile to backbone structure."""

    name: ClassVar[str] = "rgn"
    version: ClassVar[int] = 2
    Settings: ClassVar[type[Settings]] = RGNSettings
    scaling_cases: ClassVar[Mapping[str, ScalingCase]] = CASES
    item: ClassVar[str] = "protein"
    query: ClassVar[str] = "protein"
    latency_bound_ms: ClassVar[float] = 200.0
    scenarios: ClassVar[tuple[str, ...]] = ("single-stream", "offline")
    precisions: ClassVar[tuple[str, ...]] = ("fp32", "fp64", "tf32", "bf16", "int16")
    effects: ClassVar[Mapping[str, tuple[str, Better]]] = {DRMSD: ("A", "lower")}
    figures_of_merit: ClassVar[Sequence[FigureOfMerit]] = (
        FigureOfMerit("training", "training rate"),
        FigureOfMerit("inference", "inference rate", {"batch": "batched"}),
    )
    main_figures: ClassVar[Sequence[MainFigure]] = (
        "training rate",
        "time to target",
        ("inference rate", {"batch": "batched"}),
        ("mean dRMSD", {"predictor": "network"}),
        ("mean long-range dRMSD", {"predictor": "network"}),
    )

    def run(self, run: Run, settings: RGNSettings) -> None:
        """Make or read records, train, predict and time."""
        use_implementation(run, settings)
        if settings.deterministic:
            torch.set_num_threads(1)
        # Mistakes in a person's files are found before anything long begins.
        requests = read_requests(run, settings.fasta, settings.database) if settings.fasta else ()
        given = load_weights(settings.weights, device=run.device) if settings.weights else None
        corpus = None if given is not None and requests and not settings.data else _prepare(run, settings)
        with run.phase("calibrate", doing="what this machine can do at best"):
            run.peaks()
        if given is not None:
            learned = Learned(*given, None)
        else:
            assert corpus is not None
            learned = learn(run, settings, corpus)
        model, provenance, history = learned
        say = run.warn if requests and not provenance.is_real else run.note
        say(warning_of(provenance))
        if corpus is not None:
            trained = provenance.steps > 0
            window = learn_window(run, settings, corpus) if trained else None
            measure_quality(run, settings, model, corpus, window=window, trained=trained)
            report_variants(run, model, corpus.variants)
            _report_profiles(run, corpus)
        else:
            fasta = Path(settings.fasta)
            run.dataset(fasta.name, version="1", sha256=digest_of(fasta), synthetic=False)
        targets = targets_of(run, settings, requests, corpus)
        timed = timed_model(run, settings, model, requests)
        inference = measure_time(run, settings, timed, targets)
        if not requests:
            report_training_time(run, timed, settings.max_length)
        training = () if history is None else (training_arithmetic(settings, history),)
        report_arithmetic(run, (*training, inference))
        if requests:
            write_predictions(run, model, provenance, requests)
        if history is not None:
            report_updates(run, history)
        report_peak_memory(run)
        end_training(run, settings.checkpoint_interval, into=training_folder(run))

    def inference_buckets(self, settings: RGNSettings) -> tuple[str, ...]:
        """Return the hundreds of residues that the proteins fall into."""
        if settings.fasta:
            lengths = [len(each.sequence) for each in read_fasta(settings.fasta)]
        else:
            lengths = list(settings.target_lengths)
        return tuple(dict.fromkeys(bucket_of(length) for length in sorted(lengths)))

    def load_inference(self, run: Run, settings: RGNSettings, source: Path | None) -> RGNInference:
        """Return the network of a repeat, or a new one, and the proteins that it is asked about."""
        choose(settings.implementation)
        if source is None:
            model, provenance = RGNModel(PRESETS[settings.preset], seed=run.seed_for("weights", bits=31)), Provenance()
        else:
            model, provenance = load_weights(source / WEIGHTS)
        run.note(warning_of(provenance))
        requests = read_requests(run, settings.fasta, settings.database) if settings.fasta else ()
        digest = digest_of(Path(settings.fasta)) if requests else None
        run.dataset(
            "the sequences given" if requests else "random sequences", version="1", sha256=digest,
            synthetic=not requests,
        )  # fmt: skip
        features = [each.features for each in requests]
        if not requests:  # a profile changes no time
            sequences = random_sequences(settings.target_lengths, run.seed_for("targets", bits=31))
            features = [features_of(each, None) for each in sequences]
        return RGNInference(model.to(run.device), features, run.precision)

    def prepare_training(self, run: Run, settings: RGNSettings) -> None:
        """Make or read the records for the ranks of a scaling study."""
        store_records(run, _prepare(run, settings))

    def choose_execution(self, rank: Rank, settings: RGNSettings) -> Choice:
        """Return precision and implementation for the ranks of a scaling study."""
        choose(settings.implementation)
        return choice_of_execution(rank)

    def trainer(self, rank: Rank, settings: RGNSettings) -> RGNTrainer:
        """Return the trainer of one rank."""
        choose(settings.implementation)
        seed = low_bits(rank.seed)
        how = training_settings(settings, seed=seed, precision=str(rank.choice["precision"]))
        return RGNTrainer(rank, RGNModel(PRESETS[settings.preset], seed=seed), how, settings.max_length)


def _prepare(run: Run, settings: RGNSettings) -> Corpus:
    seed = run.seed_for("data", bits=31)
    if settings.data:
        with run.phase("load", doing="reading and checking the records") as phase:
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
    for fault, count in corpus.left_out.records.items():
        run.warn(f"{count:,} records were left out: {fault}.")
    for section, count in corpus.left_out.sections.items():
        run.warn(f"Sections {section} of {count:,} records were passed over: they are not ProteinNet's.")
    if not corpus.held_out:
        run.note("There are too few records to hold any out: what is measured on is what was trained on.")
    run.dataset(
        corpus.origin.name, version=corpus.origin.version, sha256=corpus.sha256,
        synthetic=corpus.origin.label == "synthetic",
    )  # fmt: skip
    return corpus


def _report_profiles(run: Run, corpus: Corpus) -> None:
    if corpus.n_without_relatives is None:
        return
    n_searched = len(corpus.train) + len(corpus.validation) + (0 if corpus.test is None else len(corpus.test))
    rate = n_searched / run.duration_s("profile")
    labels = {"sequences": "data set"}
    run.metric("profile search rate", rate, unit="sequence/s", better="higher", labels=labels)
    run.metric("profiles without relatives", corpus.n_without_relatives, unit="1", better="lower", kind="quality")
