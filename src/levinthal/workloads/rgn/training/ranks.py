"""Training on several processes: each rank computes its share of every batch, torch.distributed sums the gradients.

By hand, on a cache of ProteinNet records (`levinthal.proteins.records`)::

    python -m torch.distributed.run --standalone --nproc-per-node 2 -m levinthal.workloads.rgn.training.ranks \
        --data train.cache --validation validation.cache --out trained --config config.json --resume

`config.json` holds ``{"model": {...}, "training": {...}, "seed": 0}``: what `RGNConfig` and `TrainingSettings` take,
and the seed of the weights. On GPUs each rank takes one (nccl), else ranks share the cores (gloo). The first rank
writes to the folder `trained`: `weights.safetensors`, `best.safetensors`, `training.safetensors` (the checkpoint) and
`summary.json`. From a program, `train_on_ranks` does the same.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import distributed

from levinthal.errors import DataError, LevinthalError, UsageError, from_line
from levinthal.files.writing import as_write_error, write_whole
from levinthal.harness.engines.processes import die_with_parent
from levinthal.harness.engines.ranks import become_launcher, device_of_rank, end_rank, end_ranks, start_ranks
from levinthal.proteins.records.cache import RecordCache
from levinthal.workloads.rgn.data.proteins import MAX_LENGTH, ProteinSet
from levinthal.workloads.rgn.model.config import RGNConfig
from levinthal.workloads.rgn.model.network import RGNModel
from levinthal.workloads.rgn.training.history import FORM, History, Step, Validation
from levinthal.workloads.rgn.training.loop import train
from levinthal.workloads.rgn.training.settings import TrainingSettings
from levinthal.workloads.rgn.training.weights import Provenance, load_weights, save_weights
from levinthal.workloads.training.checkpoint import ForeignCheckpointError, Keeping, load_checkpoint

WEIGHTS = "weights.safetensors"
"""File in the output folder that holds the weights at the end of training."""

_SUMMARY, _LOG, _CONFIG = "summary.json", "ranks.log", "config.json"


@dataclass(frozen=True)
class RankedTraining:
    """A training for ranks to do.

    Attributes
    ----------
    config : RGNConfig
    settings : TrainingSettings
        Batch sizes are over all ranks.
    data, validation : Path
        Caches of records.
    out : Path
        Folder for what the ranks write; made if need be.
    label : str
        What the data are; see `ProteinSet`.
    max_length : int
        Longer records are left out.
    seed : int
        Of the weights.
    device : {"auto", "cpu", "cuda"}
    resume : bool
        Go on from the checkpoint in `out`, if there is one.
    """

    config: RGNConfig
    settings: TrainingSettings
    data: Path
    out: Path
    validation: Path | None = None
    label: str = "unlabelled"
    max_length: int = MAX_LENGTH
    seed: int = 0
    device: str = "auto"
    resume: bool = False

    def arguments(self) -> list[str]:
        """Write the settings beside what the ranks will write, and return the command line of a rank."""
        document = {"model": self.config.to_dict(), "training": self.settings.to_dict(), "seed": self.seed}
        write_whole(self.out / _CONFIG, json.dumps(document, indent=1) + "\n")
        words: list[object] = ["--data", self.data, "--out", self.out, "--config", self.out / _CONFIG, "--report"]
        words += ["--label", self.label, "--device", self.device, "--max-length", self.max_length]
        words += ["--validation", self.validation] if self.validation is not None else []
        words += ["--resume"] if self.resume else []
        return [str(word) for word in words]


def train_on_ranks(
    n_ranks: int,
    training: RankedTraining,
    *,
    on_step: Callable[[Step], object] | None = None,
    on_validation: Callable[[Validation], object] | None = None,
) -> tuple[RGNModel, History]:
    """Start ranks on this machine, train, and return the model and what happened.

    The processes end with the caller's, however it ends.

    Parameters
    ----------
    n_ranks : int
    training : RankedTraining
    on_step, on_validation : callable, optional
        Called in this process after each; what they return means nothing.

    Returns
    -------
    model : RGNModel
        On the CPU, with the weights at the end of training.
    history : History

    Raises
    ------
    LevinthalError
        What went wrong in a rank (`ForeignCheckpointError` as for `train`); its log is in `training.out`.
    """
    if n_ranks < 1:
        raise UsageError(f"ranks is {n_ranks}: it must be at least 1")
    out = training.out
    error: LevinthalError | None = None
    with as_write_error(out / _LOG):
        out.mkdir(parents=True, exist_ok=True)
        log = (out / _LOG).open("wb")
    with log:
        launcher = start_ranks(n_ranks, __name__, training.arguments(), log=log)
        try:
            assert launcher.stdout is not None
            for line in launcher.stdout:
                error = error or from_line(line, ForeignCheckpointError)
                _report(line, on_step, on_validation)
            status = launcher.wait()
        finally:
            end_ranks(launcher)
    if status != 0:
        raise error or DataError(f"training on {n_ranks} ranks failed: the reason is at the end of {out / _LOG}")
    model, _ = load_weights(out / WEIGHTS)
    kept = load_checkpoint(out, FORM).progress
    summary = json.loads((out / _SUMMARY).read_text())
    told = (summary[name] for name in ("precision", "elapsed_s", "stopped_by", "resumed_at"))
    history = History(kept.steps, kept.validations, *told)
    return model, history


def _report(
    line: str, on_step: Callable[[Step], object] | None, on_validation: Callable[[Validation], object] | None
) -> None:
    try:
        message = json.loads(line)
    except ValueError:  # a library printed something
        return
    if not isinstance(message, dict):
        return
    if on_step is not None and "step" in message:
        on_step(Step(*message["step"]))
    if on_validation is not None and "validation" in message:
        on_validation(Validation(**message["validation"]))


def _train_as_rank(options: argparse.Namespace) -> None:
    try:
        document = json.loads(options.config.read_text())
        config = RGNConfig.from_dict(document.pop("model"))
        settings = TrainingSettings.from_dict(document.pop("training"))
        seed = int(document.pop("seed", 0))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{options.config} holds no model and training settings: {error}") from None
    device = device_of_rank(options.device)
    if device.type == "cuda":
        torch.cuda.set_device(device)
    train_set, validation = (
        None
        if path is None
        else ProteinSet.from_cache(RecordCache(path), label=options.label, max_length=options.max_length)
        for path in (options.data, options.validation)
    )
    assert train_set is not None
    model = RGNModel(config, seed=seed)
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        first = distributed.get_rank() == 0
        report = first and options.report
        history = train(
            model,
            train_set,
            settings,
            validation=validation,
            device=device,
            on_step=(lambda step: _print({"step": step})) if report else None,
            on_validation=(lambda held_out: _print({"validation": asdict(held_out)})) if report else None,
            keep=Keeping(options.out, options.resume),
        )
        if first:
            save_weights(options.out / WEIGHTS, model, Provenance.of(history, train_set.label))
            write_whole(options.out / _SUMMARY, json.dumps(history.summary(), indent=1) + "\n")
        distributed.barrier()
    finally:
        distributed.destroy_process_group()


def _print(message: dict[str, Any]) -> None:
    print(json.dumps(message), flush=True)


def _options(arguments: Sequence[str] | None) -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(
        prog="levinthal.workloads.rgn.training.ranks", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--data", type=Path, required=True, help="cache of records to learn from")
    parser.add_argument("--validation", type=Path, help="cache of records to measure on")
    parser.add_argument("--out", type=Path, required=True, help="folder for weights, checkpoint and summary")
    parser.add_argument("--config", type=Path, required=True, help="JSON of model and training settings")
    parser.add_argument("--label", default="unlabelled", help="what the data are: proteinnet, synthetic, ...")
    parser.add_argument("--max-length", type=int, default=MAX_LENGTH, help="longer records are left out")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in the folder")
    parser.add_argument("--report", action="store_true", help="print each step and validation as a line of JSON")
    parser.add_argument("--ranks", type=int, help="start so many ranks here, without torch.distributed.run")
    given = list(sys.argv[1:] if arguments is None else arguments)
    options = parser.parse_args(given)
    if options.ranks is not None:
        at = given.index("--ranks")
        del given[at : at + 2]
    return options, given


def main(arguments: Sequence[str] | None = None) -> None:
    """Train as one rank, or start ranks; a user's mistake is one line on stderr and exit status 2."""
    options, passed_on = _options(arguments)
    if options.ranks is not None:
        become_launcher(options.ranks, __spec__.name, passed_on)
        return
    if "RANK" not in os.environ:
        sys.exit("start this with torch.distributed.run, or give --ranks N")
    die_with_parent()  # where a person's own torchrun started it: under ours it does already
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        _train_as_rank(options)
    except Exception as error:
        end_rank(error, options.out)


if __name__ == "__main__":
    main()
