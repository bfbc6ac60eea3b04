"""The policy: atoms in, a translation and a rotation out, whatever the ligand and however it is turned.

Numbers that do not depend on the choice of the ligand's axes (energies, lengths, scalar products) go through a network;
what leaves it weighs vectors: forces on atoms, places of atoms, net force and torque, the last step. So the mean action
turns with the axes, translations being sums of forces and places, rotations sums of torques, and nothing has to be
learned twice. Noise is as large in each direction; how large is learned, for each state. Atoms are pooled, so that
ligands of all sizes share one policy. With a recurrent cell the policy remembers what it has seen in the episode.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor, nn

from levinthal.errors import UsageError
from levinthal.workloads.docking.search.agent.episodes import ATOM_KINDS, EpisodeSettings, Observation
from levinthal.workloads.training.plain_data import PlainData

_ATOM_NUMBERS = 8 + len(ATOM_KINDS)
_WHOLE_NUMBERS = 9
_ATOM_VECTORS = 4
_WHOLE_VECTORS = 4
_FORCE_UNIT = 2.0
_LENGTH_UNIT_ANGSTROM = 4.0
_LOG_SPREAD_RANGE = (-4.0, 0.5)


@dataclass(frozen=True)
class PolicySettings(PlainData):
    """Architecture of a policy.

    Attributes
    ----------
    width : int
        Of the hidden layers.
    recurrent : bool
        Whether there is a gated recurrent cell.
    chooses_conformation : bool
        Whether an action has a seventh number.
    """

    described = "policy architecture"

    width: int = 48
    recurrent: bool = False
    chooses_conformation: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.width <= 4096:
            raise UsageError(f"a policy of width {self.width}: take 1 to 4096")


class Decision(NamedTuple):
    """What the policy makes of observations.

    Attributes
    ----------
    means : Tensor, shape (..., 6 or 7)
    log_spreads : Tensor, shape (..., 6 or 7)
        Logarithms of the standard deviations.
    values : Tensor, shape (...)
        Expected sum of rewards to come.
    memory : Tensor, shape (N, width)
        Of the recurrent cell, afterwards.
    """

    means: Tensor
    log_spreads: Tensor
    values: Tensor
    memory: Tensor

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        """Draw actions; the generator is on the CPU, so that a seed gives the same noise on every device."""
        noise = torch.randn(self.means.shape, generator=generator, dtype=self.means.dtype)
        return self.means + self.log_spreads.exp() * noise.to(self.means.device)

    def log_probability(self, actions: Tensor) -> Tensor:
        """Return the logarithm of the density of actions, shape (...)."""
        scaled = (actions - self.means) * torch.exp(-self.log_spreads)
        return (-0.5 * scaled.square() - self.log_spreads - 0.5 * math.log(2 * math.pi)).sum(-1)

    def entropy(self) -> Tensor:
        """Return the entropy of the noise, shape (...)."""
        return (self.log_spreads + 0.5 * math.log(2 * math.pi * math.e)).sum(-1)


class DockingPolicy(nn.Module):
    """Actor and critic on one trunk.

    Parameters
    ----------
    settings : PolicySettings, optional
    seed : int
        Of the first weights.
    """

    def __init__(self, settings: PolicySettings | None = None, *, seed: int = 0) -> None:
        super().__init__()
        self.settings = settings or PolicySettings()
        width, chooses = self.settings.width, int(self.settings.chooses_conformation)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.atom = nn.Sequential(nn.Linear(_ATOM_NUMBERS, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU())
            self.whole = nn.Sequential(nn.Linear(2 * width + _WHOLE_NUMBERS, width), nn.SiLU())
            self.cell = nn.GRUCell(width, width) if self.settings.recurrent else None
            atom_out, critic_out = nn.Linear(width, _ATOM_VECTORS), nn.Linear(width, 1)
            self.atom_again = nn.Linear(width, width)
            self.whole_again = nn.Linear(width, width, bias=False)
            self.atom_weights = nn.Sequential(nn.SiLU(), atom_out)
            self.whole_weights = nn.Linear(width, _WHOLE_VECTORS + 2 + 2 * chooses)
            self.critic = nn.Sequential(nn.Linear(width, width), nn.SiLU(), critic_out)
            # A new policy hardly moves the ligand by itself: its actions are noise.
            for layer in (atom_out, self.whole_weights, critic_out):
                nn.init.normal_(layer.weight, std=0.01)
                nn.init.zeros_(layer.bias)
            with torch.no_grad():
                self.whole_weights.bias[_WHOLE_VECTORS : _WHOLE_VECTORS + 2] = -1.5

    def first_memory(self, count: int) -> Tensor:
        """Return the memory at the start of episodes, shape (count, width)."""
        return self.whole_weights.weight.new_zeros(count, self.settings.width)

    def forward(self, seen: Features, memory: Tensor) -> Decision:
        """Decide for N environments, features of shape (N, ...), or along T steps, (T, N, ...)."""
        mask = seen.mask[..., None]
        hidden = self.atom(seen.atoms) * mask
        mean = hidden.sum(-2) / mask.sum(-2).clamp(min=1)
        most = hidden.masked_fill(~mask, -torch.inf).amax(-2)
        trunk = self.whole(torch.cat((mean, most, seen.whole), -1))
        if self.cell is not None:
            along = trunk if trunk.ndim == 3 else trunk[None]
            memories = []
            for step in along:
                memory = self.cell(step, memory)
                memories.append(memory)
            trunk = trunk + (torch.stack(memories) if trunk.ndim == 3 else memory)
        of_atoms = self.atom_weights(self.atom_again(hidden) + self.whole_again(trunk)[..., None, :]) * mask
        of_whole = self.whole_weights(trunk)
        # forces and places make the translation, torques the rotation
        by_atoms = (of_atoms[..., None] * seen.atom_vectors).sum(-3)
        by_whole = of_whole[..., :_WHOLE_VECTORS, None] * seen.whole_vectors
        summed = torch.cat((by_atoms, by_whole), -2)
        means = torch.cat((summed[..., [0, 1, 4, 5], :].sum(-2), summed[..., [2, 3, 6, 7], :].sum(-2)), -1)
        spreads = of_whole[..., _WHOLE_VECTORS : _WHOLE_VECTORS + 2].clamp(*_LOG_SPREAD_RANGE)
        spreads = spreads.repeat_interleave(3, dim=-1)
        if self.settings.chooses_conformation:
            means = torch.cat((means, of_whole[..., -2:-1]), -1)
            spreads = torch.cat((spreads, (of_whole[..., -1:] - 0.5).clamp(*_LOG_SPREAD_RANGE)), -1)
        return Decision(means, spreads, self.critic(trunk)[..., 0], memory)


@dataclass(frozen=True, eq=False)
class TrainedPolicy:
    """A policy, the episodes that it knows, and what its training cost.

    Attributes
    ----------
    policy : DockingPolicy
    episode : EpisodeSettings
    training_s : float or None
        None where it was trained elsewhere.
    """

    policy: DockingPolicy
    episode: EpisodeSettings = field(default_factory=EpisodeSettings)
    training_s: float | None = None


class Features(NamedTuple):
    """What the network reads of observations.

    Attributes
    ----------
    atoms : Tensor, shape (..., A, 14)
        Numbers of each atom that do not depend on the axes.
    whole : Tensor, shape (..., 9)
        Numbers of the ligand as a whole.
    atom_vectors : Tensor, shape (..., A, 4, 3)
        Force and place; torque of the force and of the net force, both axial.
    whole_vectors : Tensor, shape (..., 4, 3)
        Net force and last translation; net torque and last rotation, both axial.
    mask : Tensor of bool, shape (..., A)
    """

    atoms: Tensor
    whole: Tensor
    atom_vectors: Tensor
    whole_vectors: Tensor
    mask: Tensor


def _bent(vectors: Tensor, unit: float) -> Tensor:
    """Shorten long vectors: length x becomes x / (x + unit)."""
    bent: Tensor = vectors / (vectors.norm(dim=-1, keepdim=True) + unit)
    return bent


def _bent_energy(energies: Tensor, unit: float) -> Tensor:
    return energies / (unit + energies.abs())


def features_of(seen: Observation) -> Features:
    """Return the features of observations; nothing in them is learned."""
    dot, cross = torch.linalg.vecdot, torch.linalg.cross
    places = seen.places / _LENGTH_UNIT_ANGSTROM
    forces = _bent(seen.atom_forces, _FORCE_UNIT)
    net, torque = _bent(seen.forces, 4 * _FORCE_UNIT), _bent(seen.torques, 16 * _FORCE_UNIT)
    torques = cross(places, forces, dim=-1)
    around = net[..., None, :].expand_as(places)
    last = seen.last_actions
    atoms = torch.stack(
        (
            _bent_energy(seen.atom_energies, 1.0),
            forces.norm(dim=-1),
            places.norm(dim=-1),
            dot(places, forces),
            dot(forces, around),
            dot(places, around),
            dot(torques, torque[..., None, :]),
            dot(places, last[..., None, :3]),
        ),
        -1,
    )
    kinds = nn.functional.one_hot(seen.kinds, len(ATOM_KINDS)).to(atoms.dtype)
    counts = seen.mask.sum(-1).to(atoms.dtype)
    whole = torch.stack(
        (
            _bent_energy(seen.energies, 5.0),
            seen.energies.clamp(max=0) / counts.clamp(min=1),
            _bent_energy(seen.strains, 2.0),
            net.norm(dim=-1),
            torque.norm(dim=-1),
            counts / 32,
            seen.times,
            dot(last[..., :3], net),
            dot(last[..., 3:], torque),
        ),
        -1,
    )
    return Features(
        atoms=torch.cat((atoms, kinds), -1),
        whole=whole,
        atom_vectors=torch.stack((forces, places, torques, cross(places, around, dim=-1)), -2),
        whole_vectors=torch.stack((net, last[..., :3], torque, last[..., 3:]), -2),
        mask=seen.mask,
    )
