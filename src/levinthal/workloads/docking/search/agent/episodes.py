"""What an episode is and what an agent sees of it: settings, and observations in the frame of the ligand."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

import torch
from torch import Tensor

from levinthal.errors import UsageError

ATOM_KINDS = ("hydrophobic", "polar", "donor", "acceptor", "donor and acceptor", "other")
"""What an agent sees of an atom's type, whatever its element."""

ReceptorMode = Literal["start", "movie", "choose"]


@dataclass(frozen=True)
class EpisodeSettings:
    """What an episode is.

    Attributes
    ----------
    horizon : int
        Steps of every episode.
    translation_step_angstrom, rotation_step_rad : float
        Longest step, an action of length 1.
    step_decay : float
        Longest steps shrink by this factor a step; RLDock's 0.97.
    receptor : {"start", "movie", "choose"}
        The conformation is drawn at the start and kept; the next one follows at each step; or the agent goes to the
        one before or after, on a ring, by a seventh number below -1/3 or above 1/3, from a start in any but the first,
        which is the given one.
    start_margin_angstrom : float
        How far from the faces of the box the ligand's centre starts.
    start_draws : int
        Random poses of which an episode starts from the best.
    energy_bound_kcal_mol : float
        Positive energies e are bent to e v / (v + e) below this v.
    energy_unit_kcal_mol : float
        Energy that is worth a reward of 1.
    best_bonus : float
        Weight of the bonus for the best pose.
    """

    horizon: int = 12
    translation_step_angstrom: float = 1.5
    rotation_step_rad: float = 0.6
    step_decay: float = 0.97
    receptor: ReceptorMode = "start"
    start_margin_angstrom: float = 1.0
    start_draws: int = 4
    energy_bound_kcal_mol: float = 10.0
    energy_unit_kcal_mol: float = 4.0
    best_bonus: float = 1.0

    def __post_init__(self) -> None:
        if self.horizon < 1:
            raise UsageError(f"an episode of {self.horizon} steps is none: take 1 or more")
        if self.receptor not in ("start", "movie", "choose"):
            raise UsageError(f"receptor={self.receptor!r} is unknown: choose start, movie or choose")
        if self.start_draws < 1:
            raise UsageError(f"start_draws is {self.start_draws}: take 1 or more")
        for name in ("translation_step_angstrom", "rotation_step_rad", "energy_bound_kcal_mol", "energy_unit_kcal_mol"):
            if not getattr(self, name) > 0:
                raise UsageError(f"{name} is {getattr(self, name)}: it must be positive")

    @property
    def action_size(self) -> int:
        """Numbers of an action: 6, or 7 where the agent chooses the conformation."""
        return 7 if self.receptor == "choose" else 6


@dataclass(frozen=True, eq=False)
class Observation:
    """What an agent sees of N environments; vectors in the frame of the ligand, atoms padded to A with a mask.

    Attributes
    ----------
    atom_energies : Tensor, shape (N, A)
        In kcal/mol.
    atom_forces : Tensor, shape (N, A, 3)
        In kcal/mol/A.
    places : Tensor, shape (N, A, 3)
        The template, in A.
    kinds : Tensor of int64, shape (N, A)
        Index in `ATOM_KINDS`.
    mask : Tensor of bool, shape (N, A)
        Whether there is an atom.
    energies, strains : Tensor, shape (N,)
        Score, and energy of the receptor conformation, in kcal/mol; the total is their sum.
    forces, torques : Tensor, shape (N, 3)
        On the ligand as a whole.
    times : Tensor, shape (N,)
        Share of the episode that has passed.
    last_actions : Tensor, shape (N, 6)
        Translation and rotation of the step before; zero at the start.
    """

    atom_energies: Tensor
    atom_forces: Tensor
    places: Tensor
    kinds: Tensor
    mask: Tensor
    energies: Tensor
    strains: Tensor
    forces: Tensor
    torques: Tensor
    times: Tensor
    last_actions: Tensor

    def __len__(self) -> int:
        return len(self.energies)

    def __getitem__(self, index: Tensor | slice) -> Observation:
        """Return the observations of some environments; an index, mask or slice, never a single integer."""
        return Observation(*(getattr(self, each.name)[index] for each in fields(self)))

    def flat(self) -> Tensor:
        """Return one row of numbers for each environment, shape (N, 4 A + 15), for agents that take vectors.

        Atom energies, atom forces, force, torque, last action, total energy, strain and time; energies and forces
        are bent by x / (1 + |x| / 10), which leaves small ones as they are.
        """
        numbers = torch.cat(
            (
                self.atom_energies,
                self.atom_forces.flatten(1),
                self.forces,
                self.torques,
                (self.energies + self.strains)[:, None],
                self.strains[:, None],
            ),
            dim=1,
        )
        return torch.cat((numbers / (1 + numbers.abs() / 10), self.last_actions, self.times[:, None]), dim=1)


def kind_of(vina_type: str) -> int:
    """Return the index in `ATOM_KINDS` of an atom type of Vina."""
    element, _, role = vina_type.partition("_")
    names = {"H": "hydrophobic", "D": "donor", "A": "acceptor", "DA": "donor and acceptor"}
    name = names.get(role, "polar" if element in ("C", "N", "O") else "other")
    return ATOM_KINDS.index(name)
