"""The setting `implementation`, which all workloads have, and what it does."""

from __future__ import annotations

from pydantic import Field

from levinthal.harness import Run, Settings
from levinthal.kernels.choice import Implementation, choose, kernels_allowed


class ImplementationSettings(Settings):
    """Settings of a workload that computes by compiled loops on a CPU."""

    implementation: Implementation = Field(
        default="auto",
        description="auto: compiled loops where there are some for the device; torch: numpy, torch and Python alone.",
    )


def use_implementation(run: Run, settings: ImplementationSettings) -> None:
    """Compute as the settings say from now on, and say so in the result."""
    choose(settings.implementation)
    run.use_implementation("kernels" if kernels_allowed() and run.device == "cpu" else "torch")
