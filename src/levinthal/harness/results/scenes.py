"""Structures to look at and turn: which files of a repeat make a scene, and what is seen of them step by step."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from levinthal.harness.results.labels import Record

Shown = Literal["chain", "pocket", "molecule"]
"""A chain as a cartoon; a receptor as one, with the residues around the molecules; a small molecule as sticks."""


class ScenePart(Record):
    """A structure file of a scene.

    Attributes
    ----------
    artifact : str
        Name of an artifact of the same repeat, a PDB or SDF file of one model or more.
    words : str
        What it is, for the legend.
    shown : str
        How it is drawn: `chain`, `pocket` or `molecule`.

    Examples
    --------
    >>> from levinthal.harness import ScenePart
    >>> ScenePart(artifact="poses.sdf", words="docked pose", shown="molecule").shown
    'molecule'
    """

    artifact: str
    words: str
    shown: Shown = "chain"


class SceneStep(Record):
    """What is seen at once: a model of each part, counted from 0, or None where a part is not seen.

    Examples
    --------
    >>> from levinthal.harness import SceneStep
    >>> SceneStep(words="rank 2 in the first conformation", models=(0, 1)).models
    (0, 1)
    """

    words: str
    models: tuple[Annotated[int, Field(ge=0)] | None, ...]


class Scene(Record):
    """Structures in one frame of reference, gone through step by step.

    Attributes
    ----------
    name : str
    caption : str
    parts : tuple of ScenePart
    steps : tuple of SceneStep
        At least one.
    plays : bool
        Whether the steps are successive, as those of a trajectory: they can be played.
    """

    name: str
    caption: str
    parts: Annotated[tuple[ScenePart, ...], Field(min_length=1, max_length=100)]
    steps: Annotated[tuple[SceneStep, ...], Field(min_length=1, max_length=1000)]
    plays: bool = False

    @model_validator(mode="after")
    def _each_step_speaks_of_each_part(self) -> Scene:
        for step in self.steps:
            if len(step.models) != len(self.parts):
                raise ValueError(
                    f"step {step.words!r} has {len(step.models)} models, the scene {len(self.parts)} parts"
                )
        return self
