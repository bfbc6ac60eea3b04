"""Settings of the workload `sampling` and its sizes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

from levinthal.harness.contract.settings import Settings
from levinthal.workloads.implementation import ImplementationSettings
from levinthal.workloads.sampling.study.settings import CampaignSettings, ComparisonSettings
from levinthal.workloads.sampling.systems.settings import SystemSettings

Part = TypeVar("Part", bound=Settings)


class SamplingSettings(ComparisonSettings, CampaignSettings, SystemSettings, ImplementationSettings):
    """What is sampled, how a campaign runs, and what is compared; defaults are those of `tiny`."""

    sizes: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "smoke": {
            "replicas": 1,
            "walkers": 2,
            "chunk_steps": 400,
            "frame_interval": 20,
            "steps": 4_000,
            "first_training_frames": 60,
            "learner": "pca",
            "all_atom_step_ms": 2.1,
        },
        "tiny": {},
        "small": {
            "replicas": 16,
            "walkers": 8,
            "chunk_steps": 1_000,
            "steps": 0,
            "core_seconds": 30.0,
            # where the chain folds and unfolds often enough for a reference: about once a hundred thousand steps
            "temperature": 1.0,
            "refresh_growth": 1.3,
            "reference_steps": 8_000_000,
            "options": (
                "cvae.filters=8",
                "cvae.epochs=5",
                "cvae.warm_epochs=2",
                "cvae.most_frames=5000",
                "dbscan.order=furthest",
                "dbscan.outliers=100",
                "dbscan.min_age_frames=10",
                "dbscan.recent_frames=5",
                "dbscan.max_uses=2",
                "dbscan.per_trajectory=3",
            ),
        },
        "paper": {
            "system": "fs-peptide",
            "policies": ("plain", "random", "dbscan"),
            "replicas": 3,
            "walkers": 16,
            "chunk_steps": 25_000,
            "frame_interval": 2_500,
            "steps": 40_000_000,
            "spread": "all",
            "first_training_frames": 1_000,
        },
    }
    free_keys: ClassVar[frozenset[str]] = frozenset(
        {"deterministic", "implementation", "platform", "keep_records", "best_structures"}
    )
    renamed: ClassVar[Mapping[str, str]] = {"slots": "walkers"}

    def split(self) -> tuple[SystemSettings, CampaignSettings, ComparisonSettings]:
        """Return what is sampled, how a campaign runs, and what is compared, each with its own keys only."""
        return self._part(SystemSettings), self._part(CampaignSettings), self._part(ComparisonSettings)

    def _part(self, kind: type[Part]) -> Part:
        return kind(**{name: getattr(self, name) for name in kind.model_fields})
