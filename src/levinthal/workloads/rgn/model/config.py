"""Architecture and optimisation of the recurrent geometric network: two presets that are never mixed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from levinthal.errors import UsageError
from levinthal.workloads.training.plain_data import PlainData

N_FEATURES = 41
"""Features a residue: 20 of its amino acid, 20 of its profile, and the profile's information content."""

N_PROFILE = 21
"""Of these, the profile's."""


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
    profile_copies : int
        How often the network reads the profile; dropout leaves out each copy's values by themselves. With 1 it has the
        41 inputs that the records have; the published CASP models read the profile twice and have 62.
    reach : int
        0 for recurrent layers, which see the whole chain. Above 0, layers of a network that sees so many residues to
        either side of each: the control that says what a network knows from the neighbourhood alone.
    forget_bias : float
        Where the biases of the forget gates start, the others at 0. Above 0 the layers remember over many residues from
        the first step on (Jozefowicz, Zaremba and Sutskever, ICML 2015); the published network starts at 0.
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
    forget_bias: float = 0.0
    initial_alphabet: Literal["uniform", "ramachandran"] = "uniform"
    input_gain: float = 1.0
    profile_copies: int = 1
    reach: int = 0

    def __post_init__(self) -> None:
        for name in ("n_inputs", "n_hidden", "n_layers", "alphabet", "profile_copies"):
            if not (isinstance(value := getattr(self, name), int) and value >= 1):
                raise UsageError(f"RGN architecture: {name} is {value!r}, it must be a whole number of at least 1")
        if not (isinstance(self.reach, int) and self.reach >= 0):
            raise UsageError(f"RGN architecture: reach is {self.reach!r}, it must be a whole number and not negative")
        if not 0.0 <= self.input_dropout < 1.0:
            raise UsageError(f"RGN architecture: input_dropout is {self.input_dropout}, it must be in [0, 1)")
        if self.initial_scale is not None and not self.initial_scale > 0.0:
            raise UsageError(f"RGN architecture: initial_scale is {self.initial_scale}, it must be positive or null")
        if self.initial_alphabet not in ("uniform", "ramachandran"):
            raise UsageError(f"RGN architecture: initial_alphabet {self.initial_alphabet!r} is unknown")

    @property
    def width(self) -> int:
        """Inputs of the first layer: the features, the profile as often as it is read."""
        return self.n_inputs + (self.profile_copies - 1) * N_PROFILE

    @property
    def n_parameters(self) -> int:
        """Number of trained numbers; recurrent layers have torch's two bias vectors a gate."""
        total, width = 0, self.width
        for layer in range(self.n_layers):
            if self.reach:
                total += 2 * self.n_hidden * (width * (2 * self.reach + 1 if layer == 0 else 1) + 1)
            else:
                total += 2 * 4 * self.n_hidden * (width + self.n_hidden + 2)
            width = 2 * self.n_hidden
        return total + (width + 1) * self.alphabet + 3 * self.alphabet


def flops_per_residue(config: RGNConfig, *, training: bool = False) -> int:
    """Return floating-point operations a residue: two a multiplication of recurrent layers and output projection.

    Training counts the gradients of weights and of inputs too (that of the raw features, which nobody needs, left out);
    geometry and loss are not counted.
    """
    width, forward, unneeded = config.width, 0, 0
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
        "casp12-62": RGNConfig(profile_copies=2),
        "fast": RGNConfig(
            n_hidden=64,
            input_dropout=0.1,
            initial_scale=None,
            forget_bias=2.0,
            initial_alphabet="ramachandran",
            input_gain=3.0,
        ),
    }
)
"""`casp12` is the published CASP12 configuration on the 41 inputs that public records have, `casp12-62` as its authors'
program has it, with the profile twice; `fast` is ours, for a CPU."""
