"""What a workload offers, beside `Workload`, so that its training can be spread over ranks and measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict

from levinthal.harness.contract.run import Run
from levinthal.harness.results.grid import Choice
from levinthal.harness.results.labels import Label
from levinthal.harness.results.result import Dataset

if TYPE_CHECKING:
    import torch

PREPARED = "prepared.json"
"""File in a case's folder that says that its data are whole; see `Prepared`."""

CHOICE = "choice.json"
"""File in a case's folder that says how to compute; see `Chooses`."""


class Prepared(BaseModel):
    """What the preparation of a case says of its data."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dataset: Dataset | None
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ScalingCase:
    """A panel of a scaling study: a problem size, and the global batch sizes it is trained with.

    Attributes
    ----------
    settings : mapping of str to value
        What it changes of the workload's settings.
    batch_sizes : tuple of int

    Examples
    --------
    >>> from levinthal.harness import ScalingCase
    >>> ScalingCase(settings={"residues": 106}, batch_sizes=(128, 256)).batch_sizes
    (128, 256)
    """

    settings: Mapping[str, Any]
    batch_sizes: tuple[int, ...]


@dataclass(frozen=True)
class Rank:
    """One process of a training, as its workload sees it; the process group of `torch.distributed` is initialised.

    Attributes
    ----------
    rank, n_ranks : int
    device : torch.device
        Where it computes.
    precision : str
        What was asked for: `auto`, `fp32` or `bf16`.
    seed : int
        The same on all ranks.
    folder : Path
        What `prepare_training` left; the same on all ranks, to be read only.
    choice : mapping of str to value
        How to compute, as the workload itself chose for the case; empty where it does not choose.

    Examples
    --------
    >>> from pathlib import Path
    >>> import torch
    >>> from levinthal.harness import Rank
    >>> half = Rank(1, 2, device=torch.device("cpu"), precision="fp32", seed=7, folder=Path("case"))
    >>> list(range(10))[half.rank :: half.n_ranks]
    [1, 3, 5, 7, 9]
    """

    rank: int
    n_ranks: int
    device: torch.device
    precision: str
    seed: int
    folder: Path
    choice: Mapping[str, Label] = field(default_factory=dict)


class Trainer(Protocol):
    """Training steps of one rank; all ranks take them together.

    Attributes
    ----------
    n_items : int
        Items (frames, proteins) of an epoch, over all ranks.
    loading_s : float
        How long steps have waited for data so far.
    execution : str
        How it computes, in a few words.

    Examples
    --------
    >>> import torch
    >>> from levinthal.harness import Trainer
    >>> class Line:
    ...     n_items, loading_s, execution = 4, 0.0, "eager"
    ...     weight = torch.zeros(1, requires_grad=True)
    ...     def step(self, *, synchronise: bool = True) -> torch.Tensor:
    ...         loss = ((self.weight - 1.0) ** 2).sum()
    ...         loss.backward()
    ...         return loss.detach()
    ...     def parameters(self):
    ...         return [self.weight]
    ...     def close(self) -> None:
    ...         pass
    >>> trainer: Trainer = Line()
    >>> trainer.step().item(), next(iter(trainer.parameters())).grad.item()
    (1.0, -2.0)
    """

    n_items: int
    loading_s: float
    execution: str

    def step(self, *, synchronise: bool = True) -> torch.Tensor:
        """Take an optimiser step on the next batch and return the loss of this rank's share of it.

        Parameters
        ----------
        synchronise : bool
            False leaves the other ranks' gradients out, with everything else as it is: the difference in time is what
            communication costs.

        Returns
        -------
        Tensor
            A scalar, weighted so that the sum over the ranks is the loss of the batch.
        """
        ...

    def parameters(self) -> Iterable[torch.Tensor]:
        """Return what is trained: the same on all ranks after any number of synchronised steps."""
        ...

    def close(self) -> None:
        """End whatever works in the background."""
        ...


@runtime_checkable
class Trains(Protocol):
    """A workload whose training can be spread over ranks: `levinthal scale` works for it.

    Its settings have a key `batch_size`, the items of a step over all ranks.

    Attributes
    ----------
    scaling_cases : mapping of str to ScalingCase
        The panels of its scaling study, by name.
    item : str
        What is counted, in the singular: `frame`.

    Examples
    --------
    >>> from levinthal.harness import Trains
    >>> from levinthal.harness.contract.registry import load_workload
    >>> isinstance(load_workload("cvae"), Trains), isinstance(load_workload("docking"), Trains)
    (True, False)
    """

    scaling_cases: ClassVar[Mapping[str, ScalingCase]]
    item: ClassVar[str]

    def prepare_training(self, run: Run, settings: Any) -> None:
        """Leave in `run.folder` whatever the ranks need; called once for each case."""
        ...

    def trainer(self, rank: Rank, settings: Any) -> Trainer:
        """Return the trainer of one rank; with one rank it trains as `run` does."""
        ...


@runtime_checkable
class Chooses(Protocol):
    """A workload that trains and that measures how best to compute where that is left open (`precision=auto`).

    A scaling study has it choose once for each case, and gives the choice to all ranks of all its points: whatever they
    differ in is then what more ranks are worth.

    Examples
    --------
    >>> from levinthal.harness import Chooses
    >>> from levinthal.harness.contract.registry import load_workload
    >>> isinstance(load_workload("cvae"), Chooses)
    True
    """

    def choose_execution(self, rank: Rank, settings: Any) -> Choice:
        """Return how to compute; `Rank.choice` of all trainers will be what is taken. Called on one rank."""
        ...
