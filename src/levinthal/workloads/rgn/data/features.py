"""What the network reads of a protein: one-hot amino acids and the evolutionary profile."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from levinthal.arrays import Floats, Singles
from levinthal.errors import DataError
from levinthal.proteins.residues import AMINO_ACIDS
from levinthal.workloads.rgn.model.config import N_FEATURES

_CODE = np.full(256, -1, np.int8)
_CODE[np.frombuffer(AMINO_ACIDS.encode(), np.uint8)] = np.arange(len(AMINO_ACIDS))


def features_of(sequence: str, profile: Floats | None) -> Singles:
    """Return the features of each residue.

    Parameters
    ----------
    sequence : str
        One-letter codes; another letter than those of the twenty amino acids has no one-hot bit.
    profile : ndarray, shape (residues, 21), or None
        Shares of the twenty amino acids and information content; zero where there is none.

    Returns
    -------
    ndarray of float32, shape (residues, 41)

    Raises
    ------
    DataError
        The profile is not of the sequence's length.
    """
    features = np.zeros((len(sequence), N_FEATURES), np.float32)
    code = _CODE[np.frombuffer(sequence.encode("latin-1", "replace"), np.uint8)]
    known = np.flatnonzero(code >= 0)
    features[known, code[known]] = 1.0
    if profile is not None:
        if profile.shape != (len(sequence), N_FEATURES - 20):
            raise DataError(f"the profile has the shape {profile.shape}, the sequence has {len(sequence)} residues")
        features[:, 20:] = profile
    return features


def pad_features(features: Sequence[Singles]) -> tuple[Tensor, Tensor]:
    """Return proteins as one batch padded with zeros, (proteins, longest, 41), and their lengths (proteins,)."""
    lengths = torch.tensor([len(each) for each in features])
    batch = torch.zeros(len(features), int(lengths.max()), features[0].shape[1])
    for row, each in enumerate(features):
        batch[row, : len(each)] = torch.from_numpy(each)
    return batch, lengths
