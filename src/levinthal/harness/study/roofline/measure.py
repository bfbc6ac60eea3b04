"""One point of a roofline study as a program: `python -m levinthal.harness.study.roofline.measure JSON OUT`.

Steps are counted as plain torch takes them, in fp32, and timed as the workload takes them by itself; operations are
then those of the direct algorithm, whatever shorter one runs.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from levinthal.errors import LevinthalError, UsageError, to_line
from levinthal.files.writing import write_whole
from levinthal.harness.contract.registry import load_workload
from levinthal.harness.contract.settings import make_settings
from levinthal.harness.contract.trains import Chooses, Rank, Trains
from levinthal.harness.study.scaling.rank import prepare_case

_BLOCKS = 5
_IMPLEMENTATION = "LEVINTHAL_IMPLEMENTATION"
"""What the compiled loops look at, here and in processes started within."""


class RooflineRecord(BaseModel):
    """What a point measured.

    Attributes
    ----------
    items : int
        Of a step.
    step_s : tuple of float
        Mean time of a step in each block.
    loading_share : float
        Share of it that waited for data.
    flops, moved_bytes : int
        Of a step.
    peak_gflop_s, copy_gb_s : float or None
        Measured in the same process, with as many threads; None where the device cannot.
    execution : str
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    items: int
    step_s: tuple[float, ...]
    loading_share: float
    flops: int
    moved_bytes: int
    peak_gflop_s: float | None
    copy_gb_s: float | None
    execution: str


def measure(asked: Mapping[str, Any]) -> RooflineRecord:
    """Count and time the steps of a training.

    Parameters
    ----------
    asked : mapping
        workload, size, settings, case, batch_size, threads, precision, device, seed, seconds, folder.

    Raises
    ------
    LevinthalError
        The workload does not train, or not so.
    """
    import torch
    from torch import distributed

    from levinthal.harness.contract.device import resolve_device
    from levinthal.metrics.peaks import measure_peaks

    workload = load_workload(asked["workload"])
    if not isinstance(workload, Trains):
        raise UsageError(f"workload {asked['workload']!r} offers no training: see levinthal.harness.Trains")
    case = workload.scaling_cases[asked["case"]]
    values = {**asked["settings"], **case.settings, "batch_size": asked["batch_size"]}
    settings = make_settings(workload.Settings, asked["size"], values)
    folder, device = Path(asked["folder"]), torch.device(resolve_device(asked["device"]))
    torch.set_num_threads(asked["threads"])
    prepare_case(workload, settings, folder, seed=asked["seed"], device=device.type, precision=asked["precision"])
    peaks = measure_peaks(str(device))
    distributed.init_process_group("gloo", init_method=f"file://{folder.absolute()}/ranks-{os.getpid()}", rank=0,
                                   world_size=1)  # fmt: skip
    try:
        rank = Rank(0, 1, device=device, precision=asked["precision"], seed=asked["seed"], folder=folder)
        if isinstance(workload, Chooses):
            rank = replace(rank, choice=workload.choose_execution(rank, settings).taken)
        counted = _counted(workload, rank, settings)
        trainer = workload.trainer(rank, settings)
        try:
            step_s, loading = _timed(trainer, device, asked["seconds"])
        finally:
            trainer.close()
    finally:
        distributed.destroy_process_group()
    peak = peaks.bf16_gflop_s if trainer.execution.startswith("bf16") else peaks.fp32_gflop_s
    return RooflineRecord(
        items=asked["batch_size"], step_s=tuple(step_s), loading_share=loading, flops=counted.flops,
        moved_bytes=counted.moved_bytes, peak_gflop_s=peak, copy_gb_s=peaks.copy_gb_s, execution=trainer.execution,
    )  # fmt: skip


def _counted(workload: Trains, rank: Rank, settings: Any) -> Any:
    """Count a step of plain torch in fp32, after one that makes what is made once."""
    from levinthal.metrics.roofline import count_operations

    before = os.environ.get(_IMPLEMENTATION)
    os.environ[_IMPLEMENTATION] = "torch"
    plain = replace(rank, precision="fp32", choice={**rank.choice, "precision": "fp32", "implementation": "torch"})
    try:
        trainer = workload.trainer(plain, settings)
        try:
            trainer.step()
            return count_operations(trainer.step)
        finally:
            trainer.close()
    finally:
        if before is None:
            del os.environ[_IMPLEMENTATION]
        else:
            os.environ[_IMPLEMENTATION] = before


def _timed(trainer: Any, device: Any, seconds: float) -> tuple[list[float], float]:
    """Return the mean time of a step in each block, and the share of waiting for data."""
    import torch

    def block(count: int) -> float:
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        began = time.perf_counter()
        for _ in range(count):
            trainer.step()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return (time.perf_counter() - began) / count

    block(2)
    count = max(1, round(seconds / _BLOCKS / block(1)))
    waited = trainer.loading_s
    spent = [block(count) for _ in range(_BLOCKS)]
    loading = (trainer.loading_s - waited) / (count * sum(spent))
    return spent, min(loading, 1.0)


def main(words: list[str]) -> None:
    """Measure the point that a JSON text asks for; a mistake of the user's is a line on stdout and status 2."""
    try:
        write_whole(Path(words[1]), measure(json.loads(words[0])).model_dump_json(indent=1) + "\n")
    except LevinthalError as error:
        print(to_line(error), flush=True)
        sys.exit(2)


def median_step_s(record: RooflineRecord) -> float:
    """Return the median time of a step."""
    return statistics.median(record.step_s)


if __name__ == "__main__":
    main(sys.argv[1:])
