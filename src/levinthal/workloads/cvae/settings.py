"""What a user may set of the workload `cvae`, and its presets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from levinthal.workloads.implementation import ImplementationSettings
from levinthal.workloads.training.resuming import CheckpointInterval

_OWN_MARGIN = 0.02


class CVAESettings(ImplementationSettings):
    """Data, model and training; defaults are those of `tiny`."""

    system: str = Field(
        default="fs-peptide", min_length=1, description="What to simulate: fs-peptide, or the path of a PDB file."
    )
    residues: int = Field(
        default=0,
        ge=0,
        description="Simulate a made-up protein of so many residues (CA Go model) instead of the system; 0: do not.",
    )
    maps: str = Field(
        default="",
        description="File of contact maps to learn from instead: HDF5 as DeepDriveMD writes it, or TFRecord.",
    )
    trajectory: tuple[str, ...] = Field(
        default=(), description="Trajectory files to learn from instead of a simulation (whatever mdtraj reads)."
    )
    topology: str = Field(default="", description="PDB file with the atoms of the trajectory; its CA atoms are used.")
    platform: str = Field(
        default="auto",
        description="OpenMM platform: auto (Reference or CPU by size), or CUDA, HIP, OpenCL, CPU, Reference.",
    )
    replicas: int = Field(default=4, ge=2, description="Simulations, dealt in turn to the start structures.")
    steps: int = Field(default=7_000, ge=100, description="Steps of 4 fs of each simulation.")
    frame_interval: int = Field(default=20, ge=1, description="Steps between frames.")
    chunk_steps: int = Field(default=500, ge=1, description="Steps between two reports of a worker.")
    equilibration_steps: int = Field(default=2_000, ge=0, description="Steps before the first frame.")
    map_size: int = Field(
        default=0, ge=0, description="Rows of the padded contact map; 0 takes the residues, rounded up to even."
    )
    filters: int = Field(default=16, ge=1, description="Filters of each of the convolutions.")
    kernel: Literal[3, 5] = Field(default=3, description="Rows of a filter.")
    strides: tuple[int, ...] = Field(
        default=(),
        description="Stride of each convolution; without it four: 1, 2, 1, 1 up to 128 rows, more of 2 beyond.",
    )
    encoder: Literal["cvae", "time-lagged"] = Field(
        default="cvae", description="Decode the frame that was encoded, or (time-lagged) the one `lag` frames later."
    )
    memory: Literal["auto", "keep", "recompute", "strips"] = Field(
        default="auto",
        description="Of maps between layers: keep them, or recompute them in the backward pass, whole or by strips.",
    )
    dense: int = Field(default=128, ge=1, description="Width of the dense layer.")
    dropout: float = Field(default=0.0, ge=0.0, lt=1.0, description="Dropout before the dense layer.")
    latent: int = Field(default=3, ge=1, description="Dimensions of the latent space.")
    beta: float = Field(default=1.0, ge=0.0, description="Weight of the Kullback-Leibler term.")
    batch_size: Annotated[int, Field(ge=1)] | Literal["auto"] = Field(
        default=64, description="Frames of a training step; auto: the fastest for a frame of those that fit."
    )
    epochs: Annotated[int, Field(ge=1)] | Literal["auto"] = Field(
        default=20,
        description="Passes over the training frames; auto: until the held-out loss has stopped falling, which is the "
        "default for frames of your own.",
    )
    learning_rate: float = Field(default=1e-3, gt=0.0, description="Of RMSprop.")
    checkpoint_interval: CheckpointInterval = 0
    lag: int = Field(default=20, ge=1, description="Lag of tICA, VAMP-2 and the time-lagged model, in frames.")
    clusters: int = Field(default=2, ge=2, description="Clusters to look for in the latent space.")
    margin: float = Field(
        default=0.1,
        ge=0.0,
        lt=1.0,
        description="Gate: held-out bits per contact at least this share below the mean map; of frames of your own "
        "the default is 0.02, a sanity check.",
    )
    deterministic: bool = Field(
        default=False, description="One thread and deterministic sums: the same seed gives the same last digit."
    )

    sizes: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "smoke": {
            "replicas": 2,
            "steps": 200,
            "frame_interval": 5,
            "equilibration_steps": 0,
            "filters": 4,
            "epochs": 1,
        },
        "tiny": {},
        "small": {"replicas": 8, "steps": 250_000, "frame_interval": 250, "filters": 64, "batch_size": 256},
        "paper": {
            "replicas": 16,
            "steps": 1_250_000,
            "frame_interval": 250,
            "equilibration_steps": 25_000,
            "filters": 64,
            "batch_size": 2048,
            "epochs": 10,
        },
    }
    free_keys: ClassVar[frozenset[str]] = frozenset(
        {"checkpoint_interval", "deterministic", "implementation", "chunk_steps", "memory", "platform"}
    )

    @property
    def model_lag(self) -> int:
        """Frames between what the model encodes and what it decodes to."""
        return self.lag if self.encoder == "time-lagged" else 0

    @property
    def model_name(self) -> str:
        """How the model is called beside PCA and tICA."""
        return "CVAE" if self.encoder == "cvae" else "time-lagged VAE"

    @property
    def frames_are_given(self) -> bool:
        """Whether nothing is simulated."""
        return bool(self.trajectory or self.maps)

    @model_validator(mode="before")
    @classmethod
    def _own_frames_decide(cls, values: Any) -> Any:
        """Give frames of a person's own defaults of their own: trained on until the held-out loss says enough.

        How much better than the mean map a model can be depends on how much the contacts vary; that it is better at all
        says that it has learned.
        """
        if isinstance(values, Mapping) and (values.get("trajectory") or values.get("maps")):
            return {"epochs": "auto", "margin": _OWN_MARGIN, **values}
        return values

    @model_validator(mode="after")
    def _fit_together(self) -> CVAESettings:
        given = [name for name in ("residues", "maps", "trajectory") if getattr(self, name)]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} are two sources of frames: set one of them")
        if self.trajectory and not self.topology:
            raise ValueError("a trajectory needs the PDB file of its atoms: set topology=FILE.pdb")
        if self.topology and not self.trajectory:
            raise ValueError("a topology without a trajectory: set trajectory=FILE, or system=FILE.pdb to simulate it")
        if any(stride not in (1, 2) for stride in self.strides):
            raise ValueError(f"strides are 1 or 2, not {self.strides}")
        return self
