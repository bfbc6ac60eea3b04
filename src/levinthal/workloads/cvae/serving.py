"""The CVAE as others ask it: places of frames in the latent space, a batch at a time."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

import numpy as np

from levinthal.arrays import Singles
from levinthal.harness.contract.infers import ALL
from levinthal.workloads.cvae.data.maps import MapSource, SelectedMaps
from levinthal.workloads.cvae.inference import encode
from levinthal.workloads.cvae.model.network import CVAEModel
from levinthal.workloads.cvae.model.precision import Execution
from levinthal.workloads.cvae.settings import CVAESettings

_SIMULATED_FRAMES = 256
_MOST_FRAMES = 1024
_NEIGHBOURS, _SHARE_OF_OUTLIERS = 20, 0.05

OUTLIERS = "outliers in common"
"""Jaccard index of the outliers chosen in a lower precision and by the plain model."""


def few_frames(settings: CVAESettings) -> CVAESettings:
    """Return settings that simulate no more frames than are asked about: speed does not depend on what a map holds."""
    of_a_replica = -(-_SIMULATED_FRAMES // settings.replicas)
    steps = max(100, min(settings.steps, of_a_replica * settings.frame_interval))
    return settings.model_copy(update={"steps": steps, "equilibration_steps": 0})


class CVAEInference:
    """See `levinthal.harness.Inference`; an answer is the posterior mean, shape (latent,).

    Parameters
    ----------
    model : CVAEModel
    maps : MapSource
        The frames.
    precision : str
        As asked for; `auto` is fp32.
    """

    deviation_of = "shift in the latent space over its spread"
    tolerance = 0.01

    def __init__(self, model: CVAEModel, maps: MapSource, precision: str) -> None:
        self.maps, self._plain = maps, model
        chosen = "fp32" if precision == "auto" else precision
        self.model = copy.deepcopy(model).double() if chosen == "fp64" else model
        self._how = Execution(chosen, compiled=chosen == "fp32" and model.can_compile)
        self.execution = f"{self._how.name}, maps of {maps.size} x {maps.size}"
        samples = range(min(len(maps), _MOST_FRAMES))
        self.buckets: Mapping[str, Sequence[int]] = {ALL: samples}
        self._spread = float(np.stack(self.reference(samples)).std(axis=0).max()) or 1.0

    def in_precision(self, precision: str) -> CVAEInference:
        """Return the same model and frames in another precision."""
        return CVAEInference(self._plain, self.maps, precision)

    def answer(self, samples: Sequence[int]) -> list[Singles]:
        """Return the places of frames."""
        return self._places(samples, self.model, self._how)

    def reference(self, samples: Sequence[int]) -> list[Singles]:
        """Return the places of frames by plain torch in fp32."""
        return self._places(samples, self._plain, Execution("fp32"))

    def deviation(self, answer: Singles, reference: Singles) -> float:
        """Return the largest shift in a dimension, over the widest standard deviation of all frames in one."""
        return float(np.abs(answer - reference).max()) / self._spread

    def effects(self, answers: Sequence[Singles], references: Sequence[Singles]) -> dict[str, float]:
        """Return which share of the outliers, from which simulations would be restarted, is chosen by both."""
        chosen, wanted = (outliers(np.stack(each)) for each in (answers, references))
        return {OUTLIERS: len(chosen & wanted) / len(chosen | wanted)}

    def _places(self, samples: Sequence[int], model: CVAEModel, how: Execution) -> list[Singles]:
        some = SelectedMaps(self.maps, np.asarray(samples, np.int64))
        return list(encode(model, some, batch_size=len(some), execution=how)[0])


def outliers(places: Singles) -> set[int]:
    """Return the frames that lie farthest from their neighbours, by the local outlier factor (Breunig et al. 2000).

    Parameters
    ----------
    places : ndarray, shape (frames, latent)
    """
    from sklearn.neighbors import LocalOutlierFactor

    factor = LocalOutlierFactor(n_neighbors=min(_NEIGHBOURS, len(places) - 1)).fit(places).negative_outlier_factor_
    return set(np.argsort(factor, kind="stable")[: max(1, round(_SHARE_OF_OUTLIERS * len(places)))].tolist())
