"""The flexible pocket: several conformations of one receptor, each with an energy that enters the total."""

from levinthal.workloads.docking.preparation.conformations.ensemble import (
    FLEXIBILITIES,
    given_conformations,
    make_conformations,
)

__all__ = ["FLEXIBILITIES", "given_conformations", "make_conformations"]
