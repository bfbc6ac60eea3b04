"""Architecture and optimisation of the recurrent geometric network: two presets that are never mixed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from levinthal.errors import UsageError
from levinthal.workloads.training.plain_data import PlainData

N_FEATURES = 41
"""Inputs a residue: 20 of its amino acid, 20 of its profile, and the profile's information content."""


@dataclass(frozen=True)
class RGNConfig(PlainData):
    """Architecture of the network.

    Attributes
    ----------
    n_inputs : int
        Features a residue.
    n_hidden : int
        Units of a direction of a layer; the two directions are concatenated.
    n_layers : int
        Bidirectional layers.
    alphabet : int
        Letters of the torsion alphabet: triplets (omega, phi, psi) that are mixed by a softmax.
    input_dropout : float
        Share of the inputs of each layer, raw features included, that training leaves out; both directions share it.
    initial_scale : float or None
        Recurrent and output weights start uniform in plus and minus this; null takes torch's 1/sqrt(n_hidden).
    input_gain : float
        What the features are multiplied by: most are far below 1.
    initial_alphabet : {"uniform", "ramachandran"}
        Torsions start uniform in the circle, or on the populated regions of the Ramachandran plot with trans omega.
    """

    described = "RGN architecture"

    n_inputs: int = N_FEATURES
    n_hidden: int = 800
    n_layers: int = 2
    alphabet: int = 60
    input_dropout: float = 0.5
    initial_scale: float | None = 0.01
    initial_alphabet: Literal["uniform", "ramachandran"] = "uniform"
    input_gain: float = 1.0

    def __post_init__(self) -> None:
        for name in ("n_inputs", "n_hidden", "n_layers", "alphabet"):
            if not (isinstance(value := getattr(self, name), int) and value >= 1):
                raise UsageError(f"RGN architecture: {name} is {value!r}, it must be a whole number of at least 1")
        if not 0.0 <= self.input_dropout < 1.0:
            raise UsageError(f"RGN architecture: input_dropout is {self.input_dropout}, it must be in [0, 1)")
        if self.initial_scale is not None and not self.initial_scale > 0.0:
            raise UsageError(f"RGN architecture: initial_scale is {self.initial_scale}, it must be positive or null")
        if self.initial_alphabet not in ("uniform", "ramachandran"):
            raise UsageError(f"RGN architecture: initial_alphabet {self.initial_alphabet!r} is unknown")

    @property
    def n_parameters(self) -> int:
        """Number of trained numbers; layers have torch's two bias vectors a gate."""
        total, width = 0, self.n_inputs
        for _ in range(self.n_layers):
            total += 2 * 4 * self.n_hidden * (width + self.n_hidden + 2)
            width = 2 * self.n_hidden
        return total + (width + 1) * self.alphabet + 3 * self.alphabet


def flops_per_residue(config: RGNConfig, *, training: bool = False) -> int:
    """Return floating-point operations a residue: two for each multiplication of layers and output projection.

    Training counts the gradients of weights and of inputs too (that of the raw features, which nobody needs, left out);
    geometry and loss are not counted.
    """
    width, forward, unneeded = config.n_inputs, 0, 0
    for layer in range(config.n_layers):
        inputs = 2 * 2 * 4 * config.n_hidden * width
        forward += inputs + 2 * 2 * 4 * config.n_hidden * config.n_hidden
        unneeded += inputs if layer == 0 else 0
        width = 2 * config.n_hidden
    forward += 2 * width * config.alphabet
    return 3 * forward - unneeded if training else forward


PRESETS: Mapping[str, RGNConfig] = MappingProxyType(
    {
        "casp12": RGNConfig(),
        "fast": RGNConfig(
            n_hidden=64, input_dropout=0.1, initial_scale=None, initial_alphabet="ramachandran", input_gain=3.0
        ),
    }
)
"""`casp12` is the published CASP12 configuration; `fast` is ours, for a CPU."""
