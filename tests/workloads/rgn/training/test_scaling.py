"""The RGN in scaling studies: its steps are those of training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from levinthal.errors import DataError
from levinthal.harness import Rank
from levinthal.harness.contract.trains import Chooses, Trains
from levinthal.proteins.records import write_cache
from levinthal.workloads.rgn.data.proteins import ProteinSet
from levinthal.workloads.rgn.model.network import RGNModel
from levinthal.workloads.rgn.training.loop import train
from levinthal.workloads.rgn.training.scaling import RGNTrainer, choice_of_execution
from levinthal.workloads.rgn.training.settings import TrainingSettings
from levinthal.workloads.rgn.workload import RGNWorkload
from rgn_examples import TINY, make_records

SETTINGS = TrainingSettings(steps=5, batch_size=6, deterministic=True)


def rank_in(folder: Path) -> Rank:
    write_cache(folder / "train.cache", make_records(16))
    (folder / "training_records.json").write_text(f'{{"path": "{folder / "train.cache"}", "label": "synthetic"}}')
    rank = Rank(0, 1, torch.device("cpu"), "fp32", 3, folder)
    return replace(rank, choice=choice_of_execution(rank).taken)


def test_a_trainer_takes_the_steps_of_training(tmp_path: Path) -> None:
    assert isinstance(RGNWorkload(), Trains)
    assert isinstance(RGNWorkload(), Chooses)
    trainer = RGNTrainer(rank_in(tmp_path), RGNModel(TINY, seed=3), SETTINGS, 700)
    losses_nm = [float(trainer.step()) for _ in range(5)]
    whole = train(
        RGNModel(TINY, seed=3), ProteinSet.from_records(make_records(16), label="synthetic"), SETTINGS, device="cpu"
    )
    # five steps are an epoch of three batches and a part of the next
    assert losses_nm == pytest.approx(whole.column("loss_nm").tolist(), rel=1e-5)
    assert trainer.n_items == 16
    assert trainer.loading_s > 0
    assert trainer.execution == "fp32 kernels"
    assert len(list(trainer.parameters())) == len(list(RGNModel(TINY).parameters()))
    trainer.close()


def test_a_batch_larger_than_the_data_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="smaller batch"):
        RGNTrainer(rank_in(tmp_path), RGNModel(TINY), TrainingSettings(steps=1, batch_size=17), 700)
