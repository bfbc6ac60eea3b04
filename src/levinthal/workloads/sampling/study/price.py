"""What an all-atom step costs on this machine: a bead's step is so cheap that all else looks dear beside it."""

from __future__ import annotations

import time

_WARM_STEPS = 50
_STEPS = 150
_TRIES = 3


def all_atom_step_s() -> float:
    """Return the processor seconds of one step of the Fs peptide (264 atoms, implicit water) on one core.

    The shortest of three tries, after a warm-up, in this process.
    """
    from levinthal.simulation.dynamics.replica import advance, start_replica
    from levinthal.simulation.systems.peptide import fs_peptide

    molecule, starts = fs_peptide()
    state = start_replica(molecule, starts["helix"], 0, platform="CPU", threads=1)
    state, _ = advance(molecule, state, _WARM_STEPS, 0, frame_interval=_WARM_STEPS, platform="CPU", threads=1)
    taken = []
    for seed in range(_TRIES):
        began = time.process_time()
        state, _ = advance(molecule, state, _STEPS, seed, frame_interval=_STEPS, platform="CPU", threads=1)
        taken.append(time.process_time() - began)
    return min(taken) / _STEPS
