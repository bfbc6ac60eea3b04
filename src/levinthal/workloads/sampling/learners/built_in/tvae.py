"""A time-lagged variational autoencoder: what says most of the frames to come (Hernandez et al. 2018)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from levinthal.arrays import Integers
from levinthal.plugins import check_values
from levinthal.workloads.sampling.learners.autoencoder import AutoencoderSettings, EncoderModel, fit_autoencoder
from levinthal.workloads.sampling.learners.features import Frames


@dataclass(frozen=True)
class TVAELearner(AutoencoderSettings):
    """Decodes the frame that comes a lag later than that encoded (Hernandez et al., Phys. Rev. E 97:062412, 2018).

    Attributes
    ----------
    lag : int
        In frames; shorter while no trajectory is so long. The others as for `AutoencoderSettings`.
    """

    lag: int = 5
    name = "tvae"
    wants_time = True

    def __post_init__(self) -> None:
        self.check()
        check_values(self, lag=1)

    def fit(self, frames: Frames, previous: Any, seed: int, trajectory: Integers, /) -> EncoderModel:
        """Train from the beginning; errors as for `fit_autoencoder`."""
        return fit_autoencoder(self, frames, trajectory, self.lag, previous, seed)


LEARNER = TVAELearner
