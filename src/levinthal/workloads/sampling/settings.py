"""Settings of the workload `sampling` and its sizes, and what they are for each system of a panel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self, TypeVar

from pydantic import Field, model_validator

from levinthal.errors import UsageError
from levinthal.harness.contract.settings import Settings, make_settings
from levinthal.workloads.implementation import ImplementationSettings
from levinthal.workloads.sampling.study.settings import CampaignSettings, ComparisonSettings
from levinthal.workloads.sampling.systems.settings import SystemSettings
from levinthal.workloads.sampling.systems.system import kind_of

Part = TypeVar("Part", bound=Settings)


@dataclass(frozen=True)
class Member:
    """A system of a study by its name, and what holds of it: what is sampled, how, and what is compared."""

    name: str
    sampled: SystemSettings
    campaign: CampaignSettings
    comparison: ComparisonSettings


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
        # a chain whose answers are known, and a molecule with the CVAE in the loop
        "tiny": {
            "systems": ("landscape", "three-helix-bundle"),
            "policies": ("plain", "random", "dbscan", "oracle"),
            "options": (
                "landscape.steps?=30000",
                "three-helix-bundle.steps?=60000",
                "three-helix-bundle.walkers?=4",
                "three-helix-bundle.first_training_frames?=200",
                "three-helix-bundle.refresh_growth?=1.1",
                "three-helix-bundle.reference_steps?=0",
            ),
        },
        "small": {
            "systems": ("landscape:10", "lifted:landscape:7", "mueller-brown", "three-helix-bundle"),
            "policies": ("plain", "random", "true-counts", "dbscan", "least-counts", "oracle"),
            "replicas": 8,
            "options": (
                "three-helix-bundle.steps?=300000",
                "steps?=300000",
                "walkers?=8",
                "chunk_steps?=1000",
                "refresh_growth?=1.3",
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
            # CLN025 and BBA are fetched: levinthal data fetch pdb:2RVD pdb:1FME
            "systems": ("pdb:2RVD", "pdb:1FME", "fs-peptide"),
            "start": "extended",
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

    systems: tuple[str, ...] = Field(
        default=(),
        description="A panel: all policies on each of several systems, each with the budget that it declares unless "
        "you set one; options=NAME.KEY=VALUE sets a key for one system, as landscape.steps=90000.",
    )

    @model_validator(mode="after")
    def _one_system_or_a_panel(self) -> Self:
        """Let a system that is asked for take the place of a preset's panel; write down what each of a panel wants.

        An option of a size that has `?=` holds where its key was not set for all; one without a system's name is for
        those that declare nothing of the kind.
        """
        given = self.model_fields_set
        if len(set(self.systems)) < len(self.systems):
            raise ValueError("a system is named twice: keep one")
        if "system" in given and self.system:
            self.__dict__["systems"] = ()
        elif self.systems:
            self.__dict__["system"] = ""
        preset = {head: value for head, sign, value in (each.partition("?=") for each in self.options) if sign}
        self.__dict__["options"] = tuple(each for each in self.options if "?=" not in each)
        wanted = []
        for name in self.systems or (self.system,):
            declared = kind_of(name)[0].campaign if self.systems else {}
            for key in dict.fromkeys([*declared, *(head.rpartition(".")[2] for head in preset)]):
                values = [preset.get(f"{name}.{key}"), preset.get(f"{name.partition(':')[0]}.{key}")]
                value = next((each for each in (*values, declared.get(key), preset.get(key)) if each is not None), None)
                if value is not None and key not in given and key not in self._own(name):
                    wanted.append(f"{name}.{key}={value}")
        self.__dict__["options"] = (*self.options, *wanted)
        return self

    def _own(self, system: str) -> dict[str, str]:
        """Return the options of a system by their keys; those with its whole name go before those with its kind's."""
        own: dict[str, str] = {}
        for name in dict.fromkeys((system.partition(":")[0], system)):
            for option in self.options:
                key, sign, value = option.removeprefix(f"{name}.").partition("=")
                if option.startswith(f"{name}.") and sign and "." not in key:
                    own[key] = value
        return own

    def members(self) -> tuple[Member, ...]:
        """Return the systems of the study, in order, each with its settings.

        Raises
        ------
        UsageError
            An option of a system that is not a setting, or is out of range.

        Examples
        --------
        >>> from levinthal.harness.contract.settings import make_settings
        >>> from levinthal.workloads.sampling.settings import SamplingSettings
        >>> asked = {"systems": "landscape:7,mueller-brown", "options": "landscape.steps=90000,lof.outliers=9"}
        >>> first, second = make_settings(SamplingSettings, "tiny", asked).members()
        >>> first.name, first.campaign.steps, second.campaign.options
        ('landscape:7', 90000, ('lof.outliers=9',))
        """
        names = self.systems or (self.system,)
        kinds = {each for name in names for each in (name, name.partition(":")[0])}
        shared = tuple(each for each in self.options if not any(each.startswith(f"{kind}.") for kind in kinds))
        found = []
        for name in names:
            own = self._own(name)
            if barred := {"system", "systems", "options", *ComparisonSettings.model_fields} & (set(own) - _FOR_ONE):
                raise UsageError(f"option {name}.{min(barred)}: it holds for all systems of a panel: set it itself")
            values = {**self.model_dump(), "system": name, "systems": (), "options": shared, **own}
            try:
                found.append(make_settings(type(self), "tiny", values)._member(name))
            except UsageError as error:
                raise UsageError(f"{name}: {error}" if self.systems else str(error)) from None
        return tuple(found)

    def _member(self, name: str) -> Member:
        return Member(name, self._part(SystemSettings), self._part(CampaignSettings), self._part(ComparisonSettings))

    def _part(self, kind: type[Part]) -> Part:
        return kind(**{name: getattr(self, name) for name in kind.model_fields})


_FOR_ONE = {"reference_steps", "lag"}
"""Of what is compared this may be one system's own; policies and replicas are all systems'."""
