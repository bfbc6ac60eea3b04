"""The policy: atoms in, a translation and a rotation out, whatever the ligand and however it is turned.

Numbers that do not depend on the choice of the ligand's axes (energies, lengths, scalar products) go through a network;
what leaves it weighs vectors: forces on atoms, places of atoms, net force and torque, the last step. So the mean action
turns with the axes, translations being sums of forces and places, rotations sums of torques, and nothing has to be
learned twice. Noise is as large in each direction; how large is learned, for each state. Atoms are pooled, so that
ligands of all sizes share one policy. With a recurrent cell the policy remembers what it has seen in the episode.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from levinthal.errors import UsageError
from levinthal.workloads.docking.environment import ATOM_KINDS, Observation

__all__ = ["Decision", "DockingPolicy", "PolicySettings"]

_ATOM_NUMBERS = 8 + len(ATOM_KINDS)
_WHOLE_NUMBERS = 9
_ATOM_VECTORS = 4
_WHOLE_VECTORS = 4
_FORCE_UNIT = 2.0
_LENGTH_UNIT_ANGSTROM = 4.0
_LOG_SPREAD_RANGE = (-4.0, 0.5)


@dataclass(frozen=True)
class PolicySettings:
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

    width: int = 48
    recurrent: bool = False
    chooses_conformation: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.width <= 4096:
            raise UsageError(f"a policy of width {self.width}: take 1 to 4096")

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for a file."""
        return asdict(self)


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
            self.atom_weights = nn.Sequential(nn.Linear(2 * width, width), nn.SiLU(), atom_out)
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

    def forward(self, seen: Observation, memory: Tensor) -> Decision:
        """Decide for N environments, observations of shape (N, ...), or along T steps, (T, N, ...)."""
        atoms, whole, vectors = _invariants(seen)
        mask = seen.mask[..., None]
        hidden = self.atom(atoms) * mask
        mean = hidden.sum(-2) / mask.sum(-2).clamp(min=1)
        most = hidden.masked_fill(~mask, -torch.inf).amax(-2)
        trunk = self.whole(torch.cat((mean, most, whole), -1))
        if self.cell is not None:
            along = trunk if trunk.ndim == 3 else trunk[None]
            memories = []
            for step in along:
                memory = self.cell(step, memory)
                memories.append(memory)
            trunk = trunk + (torch.stack(memories) if trunk.ndim == 3 else memory)
        around = trunk[..., None, :].expand_as(hidden)
        of_atoms = self.atom_weights(torch.cat((hidden, around), -1)) * mask
        of_whole = self.whole_weights(trunk)
        means = _weighed(of_atoms, of_whole[..., :_WHOLE_VECTORS], vectors)
        spreads = of_whole[..., _WHOLE_VECTORS : _WHOLE_VECTORS + 2].clamp(*_LOG_SPREAD_RANGE)
        spreads = spreads.repeat_interleave(3, dim=-1)
        if self.settings.chooses_conformation:
            means = torch.cat((means, of_whole[..., -2:-1]), -1)
            spreads = torch.cat((spreads, (of_whole[..., -1:] - 0.5).clamp(*_LOG_SPREAD_RANGE)), -1)
        return Decision(means, spreads, self.critic(trunk)[..., 0], memory)


class _Vectors(NamedTuple):
    """Bent vectors in the ligand's frame: of atoms (..., A, 3) and of the whole (..., 3)."""

    atom_forces: Tensor
    places: Tensor
    atom_torques: Tensor
    force: Tensor
    torque: Tensor
    last: Tensor


def _bent(vectors: Tensor, unit: float) -> Tensor:
    """Shorten long vectors: length x becomes x / (x + unit)."""
    bent: Tensor = vectors / (vectors.norm(dim=-1, keepdim=True) + unit)
    return bent


def _bent_energy(energies: Tensor, unit: float) -> Tensor:
    return energies / (unit + energies.abs())


def _invariants(seen: Observation) -> tuple[Tensor, Tensor, _Vectors]:
    """Return the numbers that do not depend on the axes, of atoms (..., A, n) and the whole (..., m), and vectors."""
    places = seen.places / _LENGTH_UNIT_ANGSTROM
    forces = _bent(seen.atom_forces, _FORCE_UNIT)
    net, torque = _bent(seen.forces, 4 * _FORCE_UNIT), _bent(seen.torques, 16 * _FORCE_UNIT)
    torques = torch.linalg.cross(places, forces, dim=-1)
    dot = torch.linalg.vecdot
    last = seen.last_actions
    atoms = torch.stack(
        (
            _bent_energy(seen.atom_energies, 1.0),
            forces.norm(dim=-1),
            places.norm(dim=-1),
            dot(places, forces),
            dot(forces, net[..., None, :]),
            dot(places, net[..., None, :]),
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
    return torch.cat((atoms, kinds), -1), whole, _Vectors(forces, places, torques, net, torque, last)


def _weighed(of_atoms: Tensor, of_whole: Tensor, vectors: _Vectors) -> Tensor:
    """Return the mean action: sums of vectors for the translation, of axial vectors for the rotation."""
    a, b, c, d = (of_atoms[..., k, None] for k in range(_ATOM_VECTORS))
    e, f, g, h = (of_whole[..., k, None] for k in range(_WHOLE_VECTORS))
    last = vectors.last
    translation = (a * vectors.atom_forces + b * vectors.places).sum(-2) + e * vectors.force + f * last[..., :3]
    along_net = torch.linalg.cross(vectors.places, vectors.force[..., None, :].expand_as(vectors.places), dim=-1)
    rotation = (c * vectors.atom_torques + d * along_net).sum(-2) + g * vectors.torque + h * last[..., 3:]
    return torch.cat((translation, rotation), -1)
