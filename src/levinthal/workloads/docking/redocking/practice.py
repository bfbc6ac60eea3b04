"""What the agent practises on before it sees the pocket that it is judged on: other proteins, other ligands.

Two proteins of a dependency, Src kinase and troponin C, each with ligands that are built for its pocket. No crystal
pose is needed: what a start was worth is what its descent ended at.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from levinthal.harness import Run
from levinthal.harness.contract.recording import Recording
from levinthal.workloads.docking.inputs import practice_complexes
from levinthal.workloads.docking.scoring import build_grids
from levinthal.workloads.docking.scoring.functions import FunctionName
from levinthal.workloads.docking.search.agent.guide import Guide, TrainedGuide
from levinthal.workloads.docking.search.agent.guiding import GuidingSettings, Insight, insight, train_guide
from levinthal.workloads.docking.search.contract import Problem
from levinthal.workloads.docking.settings import DockingSettings

_SPACING_ANGSTROM = 0.5
# Practice on ends whose energies are shuffled leaves less than 0.005 of starts; no practice leaves nothing of either.
_LEAST_PLACES_NATS, _LEAST_STARTS_NATS = 0.1, 0.03


def practice_problems(function: FunctionName = "vina") -> list[Problem]:
    """Return the problems to practise on, maps made once for the ligands of a protein."""
    problems = []
    for receptor, box, ligands in practice_complexes():
        types = np.unique(np.concatenate([each.scored_types for each in ligands])).tolist()
        grids = build_grids(receptor, types, box, function, spacing_angstrom=_SPACING_ANGSTROM)
        problems += [Problem(grids, each) for each in ligands]
    return problems


def obtain_guide(run: Run, settings: DockingSettings, problem: Problem, *, gated: bool) -> TrainedGuide:
    """Train a guide on the practice problems, or read the one that the settings name; look what it knows of a pocket.

    Raises
    ------
    DataError
        The guide's file cannot be read.
    """
    if settings.guide:
        guide, training_s = Guide.load(Path(settings.guide)), None
        run.note(f"The agent was not trained here but read from {settings.guide}.")
    else:
        guide, training_s = _trained(run, settings), run.duration_s("practise")
        guide.save(run.folder / "guide.safetensors")
    guide.to(run.device)
    known = insight(guide, problem, settings.guide_starts, seed=run.seed_for("insight", bits=31))
    report_insight(run, known, gated=gated)
    return TrainedGuide(guide, training_s)


def _trained(run: Run, settings: DockingSettings) -> Guide:
    guide = Guide(seed=run.seed_for("guide", bits=31))
    with run.phase("practise", total=2, doing="the agent, on other proteins") as phase:
        if settings.guide_updates == 0:
            run.note("The agent was not trained: it proposes starts anywhere.")
            return guide.eval()
        how = GuidingSettings(n_starts=settings.guide_starts, updates=settings.guide_updates)
        problems = practice_problems(settings.function)
        seed = run.seed_for("practice", bits=31)
        history = train_guide(guide, problems, how, seed=seed, on_generation=lambda _: phase.advance())
        phase.items = sum(each.evaluations for each in history)
    run.metric("practice rate", phase.items / run.duration_s("practise"), unit="pose/s", better="higher")
    return guide


def report_insight(run: Recording, known: Insight, *, gated: bool) -> None:
    """Record what is known of a pocket that was not practised on; of the built-in complex it is a gate."""
    for of, nats, least in (
        ("places", known.places_nats, _LEAST_PLACES_NATS), ("starts", known.starts_nats, _LEAST_STARTS_NATS)
    ):  # fmt: skip
        labels = {"of": of}
        run.metric("knowledge of a new pocket", nats, unit="nat", better="higher", kind="quality", labels=labels)
        if gated:
            run.gate(
                "knowledge of a new pocket (nat)", nats, at_least=least, labels=labels,
                advice="practise longer: raise guide_updates or guide_starts",
            )  # fmt: skip
