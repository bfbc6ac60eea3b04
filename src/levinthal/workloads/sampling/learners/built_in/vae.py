"""A variational autoencoder of features: of distances between residues, or of what a system without residues has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from levinthal.arrays import Integers
from levinthal.workloads.sampling.learners.autoencoder import AutoencoderSettings, EncoderModel, fit_autoencoder
from levinthal.workloads.sampling.learners.features import Frames


@dataclass(frozen=True)
class VAELearner(AutoencoderSettings):
    """Decodes the frame that was encoded (Kingma and Welling 2014): what is wide is seen, whether slow or not."""

    name = "vae"
    wants_time = True

    def __post_init__(self) -> None:
        self.check()

    def fit(self, frames: Frames, previous: Any, seed: int, trajectory: Integers, /) -> EncoderModel:
        """Train from the beginning; errors as for `fit_autoencoder`."""
        return fit_autoencoder(self, frames, trajectory, 0, previous, seed)


LEARNER = VAELearner
