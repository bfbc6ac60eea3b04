"""Steered sampling: the model that embeds frames, restart policies, and the record of a campaign.

What a library user, or the author of a policy, may import.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from levinthal.lazy import lazily

if TYPE_CHECKING:
    from levinthal.workloads.cvae.estimator import CVAE
    from levinthal.workloads.sampling.policies.registry import make_policy
    from levinthal.workloads.sampling.policies.view import Decision, Policy, View
    from levinthal.workloads.sampling.record.reader import CampaignRecord

__all__ = ["CVAE", "CampaignRecord", "Decision", "Policy", "View", "make_policy"]

__getattr__, __dir__ = lazily(__name__)
