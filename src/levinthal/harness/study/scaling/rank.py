"""One rank of a point of a scaling study: `torchrun ... -m levinthal.harness.study.scaling.rank --workload NAME ...`.

The first rank writes what all of them measured to `--out`. Data that are not in `--folder` yet are prepared by the
first rank, while the others wait. What `levinthal scale --dry-run` prints are complete lines.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from levinthal.errors import UsageError
from levinthal.files.writing import write_whole
from levinthal.harness.contract.registry import load_workload
from levinthal.harness.contract.settings import Settings, make_settings, parse_assignments
from levinthal.harness.contract.trains import CHOICE, PREPARED, Chooses, Rank, Trainer, Trains
from levinthal.harness.engines.processes import die_with_parent
from levinthal.harness.engines.ranks import device_of_rank, end_rank, pin_rank, threads_of_rank
from levinthal.harness.results.grid import Choice
from levinthal.harness.results.store import read_json, validated
from levinthal.harness.study.preparing import preparing
from levinthal.harness.study.scaling.record import PointRecord

if TYPE_CHECKING:
    import torch

_LOSSES = 3
"""Steps before the clock; their losses are compared with those of other numbers of ranks."""
_ROUNDS = 5
_PATIENCE = timedelta(hours=2)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure one point as one of its ranks; a user's mistake, or a full disk, is a line on stdout and status 2."""
    options = _options(arguments)
    if "RANK" not in os.environ:
        sys.exit("start this with torch.distributed.run: levinthal scale --dry-run prints whole lines")
    die_with_parent()  # where a person's own torchrun started it: under ours it does already
    try:
        _measure(options)
    except Exception as error:
        end_rank(error, options.out)


def _measure(options: argparse.Namespace) -> None:
    import torch
    from torch import distributed

    workload = load_workload(options.workload)
    if not isinstance(workload, Trains) or options.case not in workload.scaling_cases:
        raise UsageError(f"workload {options.workload!r} has no scaling case {options.case!r}")
    overrides = {**parse_assignments(options.set), **workload.scaling_cases[options.case].settings}
    settings = make_settings(workload.Settings, options.size, {**overrides, "batch_size": options.batch_size})
    place = device_of_rank(options.device)
    if place.type == "cuda":
        torch.cuda.set_device(place)
    distributed.init_process_group("nccl" if place.type == "cuda" else "gloo", timeout=_PATIENCE)
    try:
        first = distributed.get_rank() == 0
        if first:
            how = {"seed": options.seed, "device": options.device, "precision": options.precision}
            prepare_case(workload, settings, options.folder, **how)
        distributed.barrier()
        sharing = pin_rank() if place.type == "cpu" else 0
        threads = options.threads or threads_of_rank(place.type, int(os.environ["LOCAL_WORLD_SIZE"]))
        torch.set_num_threads(threads)
        rank = Rank(
            rank=distributed.get_rank(),
            n_ranks=distributed.get_world_size(),
            device=place,
            precision=options.precision,
            seed=options.seed,
            folder=options.folder,
        )
        if isinstance(workload, Chooses):
            rank = _with_choice(workload, rank, settings, threads)
        if options.choose:
            return
        trainer = workload.trainer(rank, settings)
        try:
            record = _Clock(trainer, place).record(options.seconds, sharing)
        finally:
            trainer.close()
        if first:
            options.out.parent.mkdir(parents=True, exist_ok=True)
            write_whole(options.out, record.model_dump_json(indent=1) + "\n")
        distributed.barrier()
    finally:
        distributed.destroy_process_group()


def prepare_case(workload: Trains, settings: Settings, folder: Path, *, seed: int, device: str, precision: str) -> None:
    """Leave in a folder what the trainings of a case need, unless it is there already.

    Parameters
    ----------
    workload : Trains
    settings : Settings
        Of the case.
    folder : Path
    seed, device, precision
        As for `Run`.
    """
    if (folder / PREPARED).exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    with preparing(folder, seed=seed, device=device, precision=precision) as run:
        workload.prepare_training(run, settings)


def _with_choice(workload: Chooses, rank: Rank, settings: Settings, threads: int) -> Rank:
    """Return the rank with the choice of its case, which the first one makes where there is none yet."""
    from torch import distributed

    file = rank.folder / CHOICE
    asked = {"precision": rank.precision, "device": rank.device.type, "threads": threads}
    if rank.rank == 0 and not (file.exists() and _choice(file).asked == asked):
        choice = workload.choose_execution(rank, settings)
        choice = choice.model_copy(update={"asked": asked, "taken": {**choice.taken, "threads": threads}})
        write_whole(file, choice.model_dump_json(indent=1) + "\n")
    distributed.barrier()
    return replace(rank, choice=_choice(file).taken)


def _choice(file: Path) -> Choice:
    return validated(Choice, read_json(file), file)


class _Clock:
    """Times blocks of steps, with and without the exchange of gradients in turn."""

    def __init__(self, trainer: Trainer, place: torch.device) -> None:
        from torch import distributed

        self.trainer, self.place = trainer, place
        self.n_ranks = distributed.get_world_size()

    def record(self, seconds: float, sharing: int) -> PointRecord:
        trainer = self.trainer
        losses = [self._sum(trainer.step()) for _ in range(_LOSSES)]
        spread = self._spread()
        one_s = self._block(1, synchronise=True)
        rounds = [self._count(seconds / _ROUNDS / one_s)] * _ROUNDS
        step_s: list[float] = []
        lone_step_s: list[float] = []
        waited_s = 0.0
        for count in rounds:
            before_s = trainer.loading_s
            step_s.append(self._block(count, synchronise=True))
            waited_s += trainer.loading_s - before_s
            if self.n_ranks > 1:
                lone_step_s.append(self._block(max(1, count // 2), synchronise=False))
        total_s = sum(each * count for each, count in zip(step_s, rounds, strict=True))
        finite = [loss if math.isfinite(loss) else None for loss in losses]
        return PointRecord(
            n_items=trainer.n_items,
            step_s=tuple(step_s),
            lone_step_s=tuple(lone_step_s),
            loading_share=self._sum(waited_s) / self.n_ranks / total_s,
            first_losses=tuple(finite),
            parameter_spread=spread if math.isfinite(spread) else None,
            execution=trainer.execution,
            device=_device_name(self.place),
            ranks_per_core=sharing,
        )

    def _block(self, count: int, *, synchronise: bool) -> float:
        """Return the mean time of `count` steps, of the slowest rank."""
        from torch import distributed

        distributed.barrier()
        self._wait()
        start = time.perf_counter()
        for _ in range(count):
            self.trainer.step(synchronise=synchronise)
        self._wait()
        return self._reduced((time.perf_counter() - start) / count, "MAX")

    def _count(self, wanted: float) -> int:
        """Return how many steps a block has, the same on all ranks."""
        return max(1, math.ceil(self._reduced(wanted, "MIN")))

    def _sum(self, value: float | torch.Tensor) -> float:
        return self._reduced(float(value), "SUM")

    def _reduced(self, value: float, how: str) -> float:
        import torch
        from torch import distributed

        shared = torch.tensor(value, dtype=torch.float64, device=self.place)
        distributed.all_reduce(shared, getattr(distributed.ReduceOp, how))
        return float(shared)

    def _spread(self) -> float:
        """Return the largest difference of a parameter between ranks."""
        import torch
        from torch import distributed

        widest = 0.0
        for parameter in self.trainer.parameters():
            highest, lowest = (parameter.detach().clone().contiguous() for _ in range(2))
            distributed.all_reduce(highest, distributed.ReduceOp.MAX)
            distributed.all_reduce(lowest, distributed.ReduceOp.MIN)
            difference = float(torch.max(highest - lowest)) if parameter.numel() else 0.0
            widest = difference if not difference <= widest else widest  # NaN stays
        return widest

    def _wait(self) -> None:
        if self.place.type == "cuda":
            import torch

            torch.cuda.synchronize(self.place)


def _device_name(place: torch.device) -> str:
    if place.type == "cuda":
        import torch

        return torch.cuda.get_device_name(place)
    return "cpu"


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="levinthal.harness.study.scaling.rank", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--workload", required=True, help="a workload that offers Trains")
    parser.add_argument("--size", default="tiny", help="the preset its settings come from")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override one setting")
    parser.add_argument("--case", required=True, help="a scaling case of the workload")
    parser.add_argument("--batch-size", type=int, required=True, help="items of a step, over all ranks")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--precision", default="auto", help="auto, fp32 or bf16")
    parser.add_argument("--threads", type=int, help="of a rank; by default one on a CPU, its part of the cores else")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=5.0, help="how long steps are timed at least")
    parser.add_argument("--folder", type=Path, required=True, help="where the data are, or are prepared")
    parser.add_argument("--out", type=Path, required=True, help="the JSON file to write")
    parser.add_argument("--choose", action="store_true", help="only choose how to compute, and leave that in --folder")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
