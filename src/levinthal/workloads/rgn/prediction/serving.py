"""The RGN as others ask it: backbones of sequences, a batch of like lengths at a time."""

from __future__ import annotations

import copy
import statistics
from collections.abc import Mapping, Sequence

import torch

from levinthal.arrays import Singles
from levinthal.kernels.choice import implementation, kernels_allowed
from levinthal.proteins.geometry.distance_rmsd import distance_rmsd
from levinthal.workloads.lowering import AUTOCAST, computing_in
from levinthal.workloads.rgn.model.lstm import BidirectionalLSTM
from levinthal.workloads.rgn.model.network import RGNModel
from levinthal.workloads.rgn.prediction.predictor import ALLOWED_NM, length_bin, lower_precision, predict

_ANGSTROM_PER_NM = 10.0

DRMSD = "median dRMSD from the plain model"
"""Of CA atoms, in A."""


def bucket_of(n_residues: int) -> str:
    """Return the name of the bucket that a length is in."""
    return f"{length_bin(n_residues)} residues"


class RGNInference:
    """See `levinthal.harness.Inference`; an answer is a backbone, shape (residues, 3, 3), in nm.

    Parameters
    ----------
    model : RGNModel
    features : sequence of ndarray, each of shape (residues, 41)
        The proteins.
    precision : str
        As asked for; `auto` keeps weights as 16-bit integers where that moves no structure.
    """

    deviation_of = "dRMSD in A"
    tolerance = _ANGSTROM_PER_NM * ALLOWED_NM

    def __init__(self, model: RGNModel, features: Sequence[Singles], precision: str) -> None:
        self._plain, self.features = model, features
        self.model = copy.deepcopy(model)
        self._device = next(model.parameters()).device.type
        self._chosen = precision
        if precision == "auto":
            lower_precision(self.model, features)
            self._chosen = self._kept()
        elif precision == "fp64":
            self.model.double()
        elif precision == "int16":
            self.model.set_inference_precision("int16")
        compiled = self._chosen not in AUTOCAST and self._device == "cpu" and kernels_allowed()
        self.execution = f"{self._chosen} {'compiled' if compiled else 'torch'}"
        buckets: dict[str, list[int]] = {}
        for number in sorted(range(len(features)), key=lambda number: len(features[number])):
            buckets.setdefault(bucket_of(len(features[number])), []).append(number)
        self.buckets: Mapping[str, Sequence[int]] = buckets

    def in_precision(self, precision: str) -> RGNInference:
        """Return the same network and proteins in another precision."""
        return RGNInference(self._plain, self.features, precision)

    def answer(self, samples: Sequence[int]) -> list[Singles]:
        """Return backbones."""
        chosen = [self.features[number] for number in samples]
        if self._chosen not in AUTOCAST:
            with computing_in(self._chosen, self._device):
                return predict(self.model, chosen, batch_size=len(chosen))
        # the compiled loops know no such numbers
        with implementation("torch"), computing_in(self._chosen, self._device):
            return predict(self.model, chosen, batch_size=len(chosen))

    def reference(self, samples: Sequence[int]) -> list[Singles]:
        """Return backbones predicted by plain torch in fp32, each alone."""
        with implementation("torch"):
            return predict(self._plain, [self.features[number] for number in samples], batch_size=1)

    def deviation(self, answer: Singles, reference: Singles) -> float:
        """Return the dRMSD of the CA atoms of two backbones."""
        mine, theirs = (torch.from_numpy(each[None, :, 1].copy()) for each in (answer, reference))
        return _ANGSTROM_PER_NM * float(distance_rmsd(mine, theirs, torch.ones(mine.shape[:2], dtype=torch.bool)))

    def effects(self, answers: Sequence[Singles], references: Sequence[Singles]) -> dict[str, float]:
        """Return the median dRMSD of all proteins."""
        found = [self.deviation(mine, theirs) for mine, theirs in zip(answers, references, strict=True)]
        return {DRMSD: statistics.median(found)}

    def _kept(self) -> str:
        layer = self.model.layers[0]
        assert isinstance(layer, BidirectionalLSTM)
        return layer.inference_precision
