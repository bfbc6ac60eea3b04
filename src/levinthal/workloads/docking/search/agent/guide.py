"""The agent that decides where starts are made, in which conformation, and which of them go on.

Two small networks, learned on some proteins and used on others. One sees a place of the pocket (`places`) and says how
likely a good pose begins there, so that starts are proposed where they are worth most, and with them the conformation
of the receptor. The other sees a pose on its way down (energy, slope, what it gained, its place) and says what it will
be worth in the end, so that hopeless starts are culled before they have cost much. Neither moves a pose: descents do.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from levinthal.errors import DataError
from levinthal.files.reading import refused
from levinthal.workloads.docking.molecules.pose import Poses
from levinthal.workloads.docking.search.agent.places import N_NUMBERS, Places
from levinthal.workloads.docking.search.contract import Problem
from levinthal.workloads.training.tensor_file import DAMAGED, read_tensors, write_tensors

_FORMAT = "levinthal.docking.guide/1"
_WIDTH = 32
_POSE_NUMBERS = 10
_KT_KCAL_MOL = 0.593
_STEPS_UNIT = 12.0


class Guide(nn.Module):
    """The two networks.

    Parameters
    ----------
    seed : int
        Of the first weights.
    """

    def __init__(self, *, seed: int = 0) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.place = _network(N_NUMBERS)
            self.worth = _network(_POSE_NUMBERS)

    def save(self, path: Path) -> None:
        """Write the weights to one file.

        Raises
        ------
        DataError
            The file cannot be written.
        """
        write_tensors(path, self.state_dict(), _FORMAT, {})

    @classmethod
    def load(cls, path: Path) -> Guide:
        """Read what `save` wrote.

        Raises
        ------
        DataError
            The file is missing, damaged, or of another kind.
        """
        tensors, _ = read_tensors(path, _FORMAT)
        guide = cls()
        with refused(DataError, path, "holds no weights of the architecture it names", DAMAGED):
            guide.load_state_dict(tensors)
        return guide.eval()


@dataclass(frozen=True, eq=False)
class TrainedGuide:
    """A guide, and what its training cost: None where it was trained elsewhere."""

    guide: Guide
    training_s: float | None = None


@dataclass(frozen=True, eq=False)
class GuidedPocket:
    """What a guide makes of the places of one problem.

    Attributes
    ----------
    problem : Problem
    places : Places
    log_probabilities : Tensor, shape (K X Y Z,)
        Of a good pose at each place in each conformation; over all of them they add up to 1.
    """

    problem: Problem
    places: Places
    log_probabilities: Tensor

    @classmethod
    def of(cls, guide: Guide, problem: Problem, places: Places | None = None) -> GuidedPocket:
        """Judge every place; differentiable."""
        places = places or Places.of(problem)
        logits = guide.place(places.numbers)[..., 0]
        logits = logits - problem.grids.receptor_energies_kcal_mol[:, None, None, None].to(logits) / _KT_KCAL_MOL
        logits = logits.masked_fill(~places.allowed, -torch.inf)
        return cls(problem, places, logits.flatten().log_softmax(0))

    def propose(self, count: int, generator: torch.Generator, uniform_share: float) -> tuple[Poses, Tensor]:
        """Draw poses and conformations, a share of them anywhere: what the guide misjudges is still found."""
        device = self.log_probabilities.device
        allowed = torch.isfinite(self.log_probabilities)
        chances = (1 - uniform_share) * self.log_probabilities.exp() + uniform_share * allowed / allowed.sum()
        index = torch.multinomial(chances.cpu(), count, replacement=True, generator=generator)
        centres, conformations = self.places.centres(index.to(device))
        jitter = torch.rand(count, 3, generator=generator) - 0.5
        turns = torch.randn(count, 4, generator=generator)
        poses = Poses((turns / turns.norm(dim=-1, keepdim=True)).to(device), centres.float())
        shift = (self.places.spacing_angstrom * jitter).to(device)
        return Poses(poses.quaternions, poses.centres_angstrom + shift), conformations

    def pose_numbers(
        self, poses: Poses, conformations: Tensor, energies: Tensor, gradients: Tensor, fallen: Tensor, n_steps: int
    ) -> Tensor:
        """Return what the guide sees of poses on their way down, shape (N, 10).

        Parameters
        ----------
        poses : Poses
        conformations, energies : Tensor, shape (N,)
        gradients : Tensor, shape (N, 6)
            As `Descent.gradients`.
        fallen : Tensor, shape (N,)
            What the last round of descent gained, in kcal/mol; zero before the first.
        n_steps : int
            How many steps they have taken.
        """
        per_uniform = self.log_probabilities + torch.isfinite(self.log_probabilities).sum().log()
        chances = per_uniform[self.places.index(poses.centres_angstrom, conformations)].clamp(min=-8.0)
        n_atoms = float(len(self.problem.ligand.heavy_atoms))
        pull, turn = gradients[:, :3].norm(dim=1), gradients[:, 3:].norm(dim=1)
        whole = torch.ones_like(energies)
        return torch.stack(
            (
                energies.clamp(max=0) / 5.0,
                energies.clamp(max=0) / n_atoms / 0.3,
                energies.clamp(min=0) / (5.0 + energies.clamp(min=0)),
                pull / (5.0 + pull),
                turn / (5.0 + turn),
                fallen / (3.0 + fallen.abs()),
                chances / 4.0,
                whole * n_atoms / 32.0,
                whole * n_steps / _STEPS_UNIT,
                whole * float(n_steps == 0),
            ),
            -1,
        ).detach()


def _network(n_numbers: int) -> nn.Sequential:
    last = nn.Linear(_WIDTH, 1)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(nn.Linear(n_numbers, _WIDTH), nn.SiLU(), nn.Linear(_WIDTH, _WIDTH), nn.SiLU(), last)
