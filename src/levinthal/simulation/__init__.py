"""Molecular systems, replicas as pure functions of their state, frames, and what trajectories say.

What a library user may import; for people with an OpenMM script of their own: `ContactMapReporter`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from levinthal.lazy import lazily

if TYPE_CHECKING:
    from levinthal.simulation.analysis.divergence import jensen_shannon_nats
    from levinthal.simulation.analysis.effective_samples import effective_sample_size
    from levinthal.simulation.analysis.entropy import configurational_entropy
    from levinthal.simulation.analysis.first_passage import first_passage_durations, mean_recurrence
    from levinthal.simulation.analysis.markov import cross_validated_vamp2, estimate_markov_model
    from levinthal.simulation.analysis.ratios import better, faster, greater
    from levinthal.simulation.analysis.survival import durations, kaplan_meier
    from levinthal.simulation.dynamics.contact_map_reporter import ContactMapReporter
    from levinthal.simulation.dynamics.frame_store import FrameStore
    from levinthal.simulation.dynamics.replica import advance, start_replica
    from levinthal.simulation.exact.markov_chain import markov_chain
    from levinthal.simulation.exact.potential import MuellerBrown
    from levinthal.simulation.go.go_model import go_model
    from levinthal.simulation.go.ideal_fold import three_helix_bundle
    from levinthal.simulation.systems.pdb_structure import from_pdb
    from levinthal.simulation.systems.peptide import capped_peptide, fs_peptide
    from levinthal.simulation.trajectories.reader import read_trajectories

__all__ = [
    "ContactMapReporter",
    "FrameStore",
    "MuellerBrown",
    "advance",
    "better",
    "capped_peptide",
    "configurational_entropy",
    "cross_validated_vamp2",
    "durations",
    "effective_sample_size",
    "estimate_markov_model",
    "faster",
    "first_passage_durations",
    "from_pdb",
    "fs_peptide",
    "go_model",
    "greater",
    "jensen_shannon_nats",
    "kaplan_meier",
    "markov_chain",
    "mean_recurrence",
    "read_trajectories",
    "start_replica",
    "three_helix_bundle",
]

__getattr__, __dir__ = lazily(__name__)
