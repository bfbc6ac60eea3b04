"""Prediction with the clock running: features in, files out, each stage timed with the device synchronised."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from levinthal.arrays import Doubles, Singles
from levinthal.kernels.choice import kernels_allowed
from levinthal.proteins.geometry.backbone import build_backbone
from levinthal.proteins.geometry.distance_rmsd import distance_rmsd
from levinthal.proteins.records import ProteinRecord, read_records, write_tfrecord
from levinthal.proteins.residues import AMINO_ACIDS
from levinthal.proteins.structures.backbone_chain import BackboneChain
from levinthal.proteins.structures.structure_files import write_pdb
from levinthal.workloads.rgn.data.features import features_of, pad_features
from levinthal.workloads.rgn.model.network import RGNModel

STAGES = ("record", "LSTM", "angles", "geometry", "write")
"""What a prediction consists of once the profile is there: sequence and profile as a TFRecord, written and read as the
original's input is, and then the network's part and the file."""

ALLOWED_NM = 0.005
"""By how much a lower precision may move coordinates, in dRMSD."""

_BIN = 100
_TRIED = 8


@dataclass(frozen=True, eq=False)
class Timing:
    """How long the predictions of one target took.

    Attributes
    ----------
    n_residues : int
    stages_s : ndarray, shape (timings, 5)
        Seconds of each of `STAGES`.
    profile_s : float or None
        Seconds of the search for its profile, once; null where none was searched here.
    """

    n_residues: int
    stages_s: Doubles
    profile_s: float | None = None

    @property
    def total_s(self) -> Doubles:
        """Seconds of each prediction, shape (timings,), without the search."""
        return np.asarray(self.stages_s.sum(axis=1), np.float64)


@dataclass(frozen=True)
class Growth:
    """How a time grows with length: `fixed_s + per_residue_s * L`, and the exponent of a power law.

    Attributes
    ----------
    fixed_s, per_residue_s : float
        Least squares in relative error, neither negative.
    exponent : float
        Slope of log time against log length.
    """

    fixed_s: float
    per_residue_s: float
    exponent: float


@torch.inference_mode()
def predict(model: RGNModel, features: Sequence[Singles], *, batch_size: int = 32) -> list[Singles]:
    """Return the backbone (residues, 3, 3) in nm of each protein, in the order given.

    Parameters
    ----------
    model : RGNModel
    features : sequence of ndarray, each of shape (residues, 41)
    batch_size : int
        Proteins at a time; proteins of like length are put together.
    """
    model.eval()
    like = next(model.parameters())
    found: dict[int, Singles] = {}
    order = sorted(range(len(features)), key=lambda number: len(features[number]))
    for first in range(0, len(order), batch_size):
        chosen = order[first : first + batch_size]
        batch, lengths = pad_features([features[number] for number in chosen])
        atoms = model(batch.to(like), lengths.to(like.device)).atoms_nm.float().cpu().numpy()
        found |= {number: atoms[row, : lengths[row]] for row, number in enumerate(chosen)}
    return [found[number] for number in range(len(features))]


def lower_precision(model: RGNModel, features: Sequence[Singles]) -> float:
    """Predict in 16-bit integers from now on, on a CPU, if that moves coordinates by less than 0.05 A of dRMSD.

    Parameters
    ----------
    model : RGNModel
    features : sequence of ndarray, each of shape (residues, 41)
        Proteins to try it on: eight of them, of all lengths.

    Returns
    -------
    float
        How far the worst was moved, in nm; 0 where nothing computes with such weights.
    """
    if not kernels_allowed() or next(model.parameters()).device.type != "cpu":
        return 0.0
    ordered = sorted(features, key=len)
    some = [ordered[number] for number in np.linspace(0, len(ordered) - 1, min(_TRIED, len(ordered))).astype(int)]
    exact = predict(model, some)
    model.set_inference_precision("int16")
    moved_nm = 0.0
    for mine, theirs in zip(predict(model, some), exact, strict=True):
        low, high = (torch.from_numpy(each[None, :, 1].copy()) for each in (mine, theirs))
        moved_nm = max(moved_nm, float(distance_rmsd(low, high, torch.ones(1, len(mine), dtype=torch.bool))))
    if not moved_nm < ALLOWED_NM:
        model.set_inference_precision("fp32")
    return moved_nm


class TimedProtein(NamedTuple):
    """A sequence to predict against the clock.

    Attributes
    ----------
    sequence : str
    profile : ndarray, shape (residues, 21), or None
    profile_s : float or None
        How long its search took; null where it was not searched here.
    """

    sequence: str
    profile: Singles | None = None
    profile_s: float | None = None

    @property
    def features(self) -> Singles:
        """What the network reads, (residues, 41)."""
        return features_of(self.sequence, self.profile)


@torch.inference_mode()
def time_target(model: RGNModel, protein: TimedProtein, folder: Path, *, timings: int) -> Timing:
    """Time the prediction of one protein, alone in its batch; the first, to warm up, does not count.

    Parameters
    ----------
    model : RGNModel
    protein : TimedProtein
    folder : Path
        Where its files are written, each time over.
    timings : int
        How many times.
    """
    model.eval()
    device = next(model.parameters()).device
    sequence = protein.sequence
    target, kept = (folder / f"timed_{len(sequence)}.{kind}" for kind in ("pdb", "tfrecord"))
    # ProteinNet has no index for an unknown residue; to the clock one is like another
    letters = "".join(each if each in AMINO_ACIDS else "A" for each in sequence)
    seconds = np.empty((timings + 1, len(STAGES)))
    for turn in range(timings + 1):
        clock = _Clock(device)
        write_tfrecord(kept, [ProteinRecord("timed", letters, protein.profile)], exact=False)
        (record,) = read_records(kept)
        batch, lengths = pad_features([features_of(record.sequence, record.profile)])
        seconds[turn, 0] = clock.lap_s()
        hidden = model.recur(batch.to(device), lengths.to(device))
        seconds[turn, 1] = clock.lap_s()
        dihedrals = model.torsions(hidden)
        seconds[turn, 2] = clock.lap_s()
        atoms = build_backbone(dihedrals)
        seconds[turn, 3] = clock.lap_s()
        write_pdb(target, [predicted_chain(sequence, atoms[0].cpu().numpy())])
        seconds[turn, 4] = clock.lap_s()
    for file in (target, kept):
        file.unlink()
    return Timing(len(sequence), seconds[1:], protein.profile_s)


@torch.inference_mode()
def time_batch(model: RGNModel, features: Sequence[Singles], *, timings: int) -> Doubles:
    """Return the seconds that all proteins together took, without writing; the first, to warm up, does not count."""
    device = next(model.parameters()).device
    seconds = []
    for _ in range(timings + 1):
        clock = _Clock(device)
        predict(model, features)
        seconds.append(clock.lap_s())
    return np.asarray(seconds[1:], np.float64)


def predicted_chain(sequence: str, atoms_nm: Singles) -> BackboneChain:
    """Return a predicted backbone (residues, 3, 3) as a chain A numbered from 1, all of it resolved."""
    length = len(sequence)
    return BackboneChain("A", sequence, atoms_nm, np.ones(length, np.bool_), np.arange(1, length + 1, dtype=np.int64))


def length_bins(timings: Sequence[Timing]) -> dict[str, list[Timing]]:
    """Group timings by hundreds of residues, in ascending order; the key is for example `101-200`."""
    bins: dict[str, list[Timing]] = {}
    for timing in sorted(timings, key=lambda each: each.n_residues):
        bins.setdefault(length_bin(timing.n_residues), []).append(timing)
    return bins


def length_bin(n_residues: int) -> str:
    """Return which hundred a length is in, for example `101-200`."""
    number = (n_residues - 1) // _BIN
    return f"{_BIN * number + 1}-{_BIN * (number + 1)}"


def fit_growth(n_residues: Sequence[int], seconds_of: Sequence[float]) -> Growth | None:
    """Return how a time grows with length; null with fewer than three different lengths."""
    from scipy.optimize import nnls

    lengths, seconds = np.array(n_residues, np.float64), np.array(seconds_of)
    if len(np.unique(lengths)) < 3:
        return None
    # each row divided by its time: a long protein does not outweigh the short ones
    (fixed_s, per_residue_s), _ = nnls(np.column_stack([1.0 / seconds, lengths / seconds]), np.ones(len(seconds)))
    exponent = np.polyfit(np.log(lengths), np.log(seconds), 1)[0]
    return Growth(float(fixed_s), float(per_residue_s), float(exponent))


class _Clock:
    """A stopwatch that waits for the device."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._last_s = self._now_s()

    def lap_s(self) -> float:
        now_s = self._now_s()
        passed_s, self._last_s = now_s - self._last_s, now_s
        return passed_s

    def _now_s(self) -> float:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return time.perf_counter()
