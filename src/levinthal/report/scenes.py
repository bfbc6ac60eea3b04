"""Structures of a result as scenes of the page: checked, cut to what is drawn and to a size, as data and a picture."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from markupsafe import Markup

from levinthal.harness.results.result import Artifact, Repeat, Result
from levinthal.harness.results.scenes import Scene, ScenePart, SceneStep
from levinthal.report.artifacts import FileLink, RefusedError, link, read_artifact
from levinthal.report.still import Drawn, has_trace, still_svg
from levinthal.report.structures import Chains, Model, Molecule, NotAStructureError, read_models

MAX_SCENE_BYTES = 300_000
MAX_PAGE_BYTES = 1_200_000
"""Text of structures in a scene, and in all scenes of a page."""

_MOLECULE_COLOURS = ("--s1", "--s2", "--s3")
_CHAIN_COLOURS = ("--s0", "--s1", "--s2", "--s3")
_POCKET_COLOUR = "--hatch"


@dataclass(frozen=True)
class Legend:
    """What a colour stands for."""

    words: str
    colour: str


@dataclass(frozen=True)
class SceneView:
    """A scene ready to be laid out; without `data` it cannot be shown, and `problems` says why.

    `data` is JSON, compressed by gzip and in base64; `n_bytes` is its size before.
    """

    anchor: str
    name: str
    caption: str
    legend: tuple[Legend, ...]
    steps: tuple[str, ...]
    plays: bool
    has_receptor: bool
    still: Markup
    data: str
    n_bytes: int
    problems: tuple[str, ...]
    files: tuple[FileLink, ...]


def scenes_of(
    anchor: str, result: Result, folder: Path | None, beside: Path | None, *, room_bytes: int
) -> tuple[SceneView, ...]:
    """Prepare the scenes of the first repeat that passed, or of the first.

    Parameters
    ----------
    anchor : str
        The result's, from which those of its scenes are made.
    result : Result
    folder, beside : Path or None
        The run folder, and that of the page.
    room_bytes : int
        How much text of structures the page may still hold.
    """
    order = sorted(result.repeats, key=lambda repeat: (repeat.verdict == "failed", repeat.index))
    repeat = next((each for each in order if each.scenes), None)
    views: list[SceneView] = []
    for number, scene in enumerate(repeat.scenes if repeat is not None else (), 1):
        assert repeat is not None
        left = room_bytes - sum(each.n_bytes for each in views)
        views.append(_view(f"{anchor}-scene-{number}", scene, repeat, (folder, beside), min(left, MAX_SCENE_BYTES)))
    return tuple(views)


def _view(
    anchor: str, scene: Scene, repeat: Repeat, where: tuple[Path | None, Path | None], room_bytes: int
) -> SceneView:
    folder, beside = where
    artifacts = {each.name: each for each in repeat.artifacts}
    files = {part.artifact: artifacts[part.artifact] for part in scene.parts if part.artifact in artifacts}
    contents, problems = _read(scene, files, folder)
    colours = _colours(scene.parts)
    steps, embedded = _fitting(scene, contents, room_bytes)
    n_readable = sum(_is_readable(step, scene, contents) for step in scene.steps)
    if len(steps) < n_readable:
        shown = f"the first {len(steps)} of {n_readable} are embedded" if steps else "not embedded"
        limits = f"{MAX_SCENE_BYTES // 1000} kB for a scene and {MAX_PAGE_BYTES / 1e6:.1f} MB for a page"
        problems.append(f"Too large to be shown whole, {shown}: the limits are {limits} of structures.")
    drawn = [_drawn(part, contents.get(part.artifact, ())) for part in scene.parts]
    still, text = Markup(), ""
    if steps:
        text = _json(scene, steps, embedded, drawn, colours)
        first = [Drawn(embedded[k][m], colours[k]) for k, m in enumerate(steps[0].models) if m is not None]
        still = still_svg(first, f"{scene.name}: {steps[0].words}")
    return SceneView(
        anchor=anchor,
        name=scene.name,
        caption=scene.caption,
        legend=tuple(dict.fromkeys(Legend(part.words, colours[k]) for k, part in enumerate(scene.parts))),
        steps=tuple(step.words for step in steps),
        plays=scene.plays and len(steps) > 1,
        has_receptor=any(part.shown == "pocket" for part in scene.parts),
        still=still,
        data=base64.b64encode(gzip.compress(text.encode("ascii"), mtime=0)).decode("ascii") if text else "",
        n_bytes=len(text),
        problems=tuple(problems),
        files=tuple(link(each, folder, beside) for each in files.values()),
    )


def _read(
    scene: Scene, files: Mapping[str, Artifact], folder: Path | None
) -> tuple[dict[str, Sequence[Model]], list[str]]:
    """Return the models of the files that can be read, and why the others cannot."""
    contents: dict[str, Sequence[Model]] = {}
    problems = []
    for name in dict.fromkeys(part.artifact for part in scene.parts):
        if name not in files:
            problems.append(f"{name} is not among the files of the repeat.")
            continue
        try:
            data = read_artifact(files[name], folder)
            contents[name] = read_models(data, PurePosixPath(files[name].path).suffix.lower())
        except RefusedError as refusal:
            problems.append(f"{name} is {refusal}.")
        except NotAStructureError as fault:
            problems.append(f"{name} {fault}.")
    return contents, problems


def _colours(parts: Sequence[ScenePart]) -> list[str]:
    """Return the variable of the page's style with the colour of each part."""
    free = list(_MOLECULE_COLOURS if any(part.shown == "pocket" for part in parts) else _CHAIN_COLOURS)
    by_words: dict[str, str] = {}
    for part in parts:
        if part.shown == "pocket":
            by_words.setdefault(part.words, _POCKET_COLOUR)
        elif part.words not in by_words:
            by_words[part.words] = free[len([each for each in by_words.values() if each in free]) % len(free)]
    return [by_words[part.words] for part in parts]


def _is_readable(step: SceneStep, scene: Scene, contents: Mapping[str, Sequence[Model]]) -> bool:
    """Whether all that a step shows is there."""
    wanted = [
        (part.artifact, number) for part, number in zip(scene.parts, step.models, strict=True) if number is not None
    ]
    return bool(wanted) and all(number < len(contents.get(name, ())) for name, number in wanted)


def _fitting(
    scene: Scene, contents: Mapping[str, Sequence[Model]], room_bytes: int
) -> tuple[list[SceneStep], list[dict[int, Model]]]:
    """Return the first steps that there is room for, and what of each part they show."""
    readable = [step for step in scene.steps if _is_readable(step, scene, contents)]
    cut = _cut_pockets(scene, readable, contents)
    steps: list[SceneStep] = []
    embedded: list[dict[int, Model]] = [{} for _ in scene.parts]
    spent = 2_000  # names and brackets
    for step in readable:
        new = {(k, m) for k, m in enumerate(step.models) if m is not None and m not in embedded[k]}
        spent += sum(len(json.dumps(cut[key].text)) for key in new) + 3 * len(step.words) + 40
        if spent > room_bytes:
            break
        for k, m in new:
            embedded[k][m] = cut[k, m]
        steps.append(step)
    return steps, embedded


def _cut_pockets(
    scene: Scene, steps: Sequence[SceneStep], contents: Mapping[str, Sequence[Model]]
) -> dict[tuple[int, int], Model]:
    """Return what the steps show by part and model, receptors with side chains around their molecules alone."""
    found: dict[tuple[int, int], Model] = {}
    partners: dict[tuple[int, int], list[Model]] = {}
    for step in steps:
        seen = {(k, m): contents[scene.parts[k].artifact][m] for k, m in enumerate(step.models) if m is not None}
        found |= seen
        molecules = [model for model in seen.values() if isinstance(model, Molecule)]
        for key, model in seen.items():
            if scene.parts[key[0]].shown == "pocket" and isinstance(model, Chains):
                partners.setdefault(key, []).extend(molecules)
    for key, around in partners.items():
        model = found[key]
        if around and isinstance(model, Chains):
            found[key] = model.around(np.concatenate([each.places for each in around]))
    return found


def _drawn(part: ScenePart, models: Sequence[Model]) -> str:
    """Return how the viewer draws a part: as declared, if what is in it can be drawn so."""
    if not models or isinstance(models[0], Molecule):
        return "molecule"
    if not has_trace(models[0]):
        return "sticks"
    if part.shown == "pocket":
        return "pocket"
    names = {atom.name for atom in models[0].atoms}
    return "cartoon" if {"N", "O"} <= names else "trace"


def _json(
    scene: Scene,
    steps: Sequence[SceneStep],
    embedded: Sequence[Mapping[int, Model]],
    drawn: Sequence[str],
    colours: Sequence[str],
) -> str:
    """Return the data of a scene as JSON, in ASCII."""
    place = [{m: at for at, m in enumerate(models)} for models in embedded]
    data = {
        "name": scene.name,
        "plays": scene.plays,
        "parts": [
            {
                "format": "sdf" if how == "molecule" else "pdb",
                "drawn": how,
                "colour": colour,
                "models": [model.text for model in models.values()],
            }
            for models, how, colour in zip(embedded, drawn, colours, strict=True)
        ],
        "steps": [
            [step.words, [None if m is None else place[k][m] for k, m in enumerate(step.models)]] for step in steps
        ],
    }
    return json.dumps(data, separators=(",", ":"), allow_nan=False)
