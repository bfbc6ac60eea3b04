"""A Go model of any protein: `go:FILE.pdb`, `go:pdb:CODE`."""

from __future__ import annotations

from levinthal.workloads.sampling.systems.folding import GO_CAMPAIGN, go_system_of_file, of_structure_file
from levinthal.workloads.sampling.systems.system import SystemKind

SYSTEM = SystemKind(
    lambda request: of_structure_file(request.source, request, go_system_of_file),
    takes="FILE.pdb",
    campaign=GO_CAMPAIGN,
)
