"""A walker's share of a campaign, without a policy: what is done on each core when replicas run side by side."""

from __future__ import annotations

import numpy as np

from levinthal.harness import Replicated
from levinthal.simulation.dynamics.ensemble import chunk_seed
from levinthal.workloads.sampling.study.settings import CampaignSettings
from levinthal.workloads.sampling.systems.system import System

_CHUNKS = 10


class WalkerShare:
    """The chunks that one walker makes of a campaign's steps, one after the other.

    Parameters
    ----------
    system : System
    campaign : CampaignSettings
    """

    def __init__(self, system: System, campaign: CampaignSettings) -> None:
        self._dynamics, self._campaign = system.dynamics, campaign
        share = campaign.steps // campaign.walkers // campaign.chunk_steps
        self.n_chunks = max(share, 1) if campaign.steps else _CHUNKS

    def __call__(self, number: int) -> Replicated:
        """Simulate the walker of a number; its answer is the mean of what its last frame holds."""
        steps, interval = self._campaign.chunk_steps, self._campaign.frame_interval
        state = self._dynamics.start(number, chunk_seed(number, 0, -1))
        for part in range(self.n_chunks):
            chunk = self._dynamics.advance(state, steps, chunk_seed(number, 0, part), interval, part * steps)
            state = chunk.end_state
        return Replicated(items=self.n_chunks * steps, answer=float(np.abs(state).mean()))
