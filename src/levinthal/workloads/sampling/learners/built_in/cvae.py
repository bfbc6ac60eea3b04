"""The CVAE as a learner: contact maps as bits, training that goes on from the previous weights, models as arrays."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from levinthal.errors import DataError, UsageError
from levinthal.plugins import check_values
from levinthal.proteins.contact_maps.maps import pack_contacts
from levinthal.workloads.cvae.data.maps import PackedMaps
from levinthal.workloads.cvae.data.split import split_by_block
from levinthal.workloads.cvae.inference import Evaluation, encode
from levinthal.workloads.cvae.model.config import CVAEConfig
from levinthal.workloads.cvae.model.network import CVAEModel
from levinthal.workloads.cvae.model.optimiser import OptimizerSettings
from levinthal.workloads.cvae.training.loop import train
from levinthal.workloads.cvae.training.settings import TrainingSettings
from levinthal.workloads.sampling.learners.features import (
    Embedding,
    Frames,
    is_molecular,
    next_version,
    training_frames,
)

# Packed maps of so many frames are made at once; encoding expands a batch at a time.
_FRAMES_AT_ONCE = 16_384
_ENCODED_AT_ONCE = 256
_BLOCKS = 20


def _packed(frames: Frames, size: int) -> PackedMaps:
    return PackedMaps(pack_contacts(np.asarray(frames, np.float32), threads=1), frames.shape[1], size)


@dataclass(frozen=True, eq=False)
class CVAELatentModel:
    """A trained CVAE as arrays; frames are placed at their posterior means.

    Attributes
    ----------
    config : CVAEConfig
        Architecture.
    weights : dict of str to ndarray
        By the names of `CVAEModel`.
    n_residues : int
        Of the frames.
    version, n_frames : int
        Which model in a row, and how many frames it was trained on this time.
    duration_s : float
        Of training.
    validation : Evaluation or None
        Loss on the blocks held out, after the last epoch; None where there were too few frames to hold any out.
    """

    config: CVAEConfig
    weights: dict[str, npt.NDArray[np.float32]]
    n_residues: int
    version: int
    n_frames: int
    duration_s: float
    validation: Evaluation | None
    _network: list[CVAEModel] = field(default_factory=list, repr=False)

    def __getstate__(self) -> dict[str, Any]:
        """Travel without the network, which is made again from the weights."""
        state = {each.name: getattr(self, each.name) for each in fields(self)}
        return {**state, "_network": []}

    def network(self) -> CVAEModel:
        """Return the network; it is kept."""
        if not self._network:
            self._network.append(_network(self.config, self.weights))
        return self._network[0]

    def embed(self, frames: Frames, /) -> Embedding:
        """Return the place of each frame, shape (n_frames, latent)."""
        if frames.shape[1:] != (self.n_residues, 3):
            raise DataError(
                f"frames have the shape {frames.shape[1:]}, the CVAE was trained on {self.n_residues} residues"
            )
        embedding = np.empty((len(frames), self.config.latent), np.float32)
        for first in range(0, len(frames), _FRAMES_AT_ONCE):
            part = slice(first, first + _FRAMES_AT_ONCE)
            maps = _packed(frames[part], self.config.size)
            embedding[part] = encode(self.network(), maps, batch_size=_ENCODED_AT_ONCE)[0]
        return embedding


def _network(config: CVAEConfig, weights: dict[str, npt.NDArray[np.float32]], seed: int = 0) -> CVAEModel:
    network = CVAEModel(config, seed=seed)
    if weights:
        network.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in weights.items()})
    return network.eval()


@dataclass(frozen=True)
class CVAELearner:
    """Trains the CVAE on contact maps, with blocks of frames held out.

    Attributes
    ----------
    latent, filters, layers, dense : int
        Architecture; the second and the third convolution halve the map, which makes embedding twice as fast as
        one that halves it once.
    epochs, warm_epochs : int
        Passes over the frames of the first model, and of one that goes on from the weights of another.
    batch_size : int
        Frames of a step.
    learning_rate : float
        Of RMSprop.
    most_frames : int
        Trained on at most so many frames, drawn from all.
    deterministic : bool
        The same digits each time on the same machine, on one thread.
    device : str
        Where to train.
    """

    latent: int = 3
    filters: int = 16
    layers: int = 4
    dense: int = 64
    epochs: int = 10
    warm_epochs: int = 3
    batch_size: int = 64
    learning_rate: float = 1e-3
    most_frames: int = 20_000
    deterministic: bool = False
    device: str = "cpu"
    name = "cvae"
    wants_device = True

    def __post_init__(self) -> None:
        check_values(
            self, **dict.fromkeys(("latent", "filters", "layers", "dense", "epochs", "warm_epochs", "batch_size"), 1)
        )
        check_values(self, most_frames=2, learning_rate=(1e-8, 1.0))

    def fit(self, frames: Frames, previous: Any, seed: int, /) -> CVAELatentModel:
        """Train; from the previous model's weights where its architecture is the same.

        Raises
        ------
        UsageError
            Frames that are not chains of residues.
        DataError
            No frames, or a loss that is not finite.
        """
        began = time.perf_counter()
        if not is_molecular(frames.shape):
            raise UsageError(f"frames of the shape {frames.shape[1:]} have no contact map: choose learner=coordinates")
        n_residues = frames.shape[1]
        config = CVAEConfig(
            size=n_residues + n_residues % 2,
            filters=(self.filters,) * self.layers,
            kernels=(3,) * self.layers,
            strides=tuple(2 if layer in (1, 2) else 1 for layer in range(self.layers)),
            dense=self.dense,
            latent=self.latent,
        )
        warm = isinstance(previous, CVAELatentModel) and previous.config == config
        network = _network(config, previous.weights if warm else {}, seed)
        maps = _packed(frames[training_frames(len(frames), self.most_frames, seed)], config.size)
        held_out = None
        if len(maps) >= 10 * _BLOCKS:
            # Frames lie in the order in which they came: a chunk's frames are neighbours.
            split = split_by_block([len(maps)], block=len(maps) // _BLOCKS, validation=0.1, test=0.0, seed=seed)
            held_out = PackedMaps(maps.packed[split.validation], n_residues, config.size)
            maps = PackedMaps(maps.packed[split.train], n_residues, config.size)
        history = train(
            network,
            maps,
            TrainingSettings(
                epochs=self.warm_epochs if warm else self.epochs,
                batch_size=self.batch_size,
                optimizer=OptimizerSettings(self.learning_rate, clip_norm=10.0),
                seed=seed,
                precision="fp32",
                deterministic=self.deterministic,
            ),
            validation=held_out,
            device=self.device,
        )
        return CVAELatentModel(
            config,
            {name: tensor.detach().cpu().numpy().copy() for name, tensor in network.state_dict().items()},
            n_residues,
            next_version(previous),
            len(maps),
            time.perf_counter() - began,
            history.epochs[-1].validation,
        )


LEARNER = CVAELearner
