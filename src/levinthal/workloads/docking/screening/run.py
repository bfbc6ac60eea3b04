"""A library docked into the pocket of the workload and ranked; metrics, files and the picture of its enrichment."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from levinthal.harness import Run
from levinthal.harness.contract.seeds import low_bits
from levinthal.harness.results.scenes import ScenePart, SceneStep
from levinthal.workloads.docking.inputs import Inputs
from levinthal.workloads.docking.molecules.contact_table import contacts_svg
from levinthal.workloads.docking.molecules.pose_files import receptor_pdb
from levinthal.workloads.docking.molecules.sanity import sanity_checks
from levinthal.workloads.docking.scoring import build_grids
from levinthal.workloads.docking.screening.drawings import N_DRAWN, rankings_svg, top_svg
from levinthal.workloads.docking.screening.enrichment import BEDROC_ALPHA, TOP_FRACTION, Enrichment
from levinthal.workloads.docking.screening.rankings import DOCKING, enrichments
from levinthal.workloads.docking.screening.screen import Screening, ranked_csv, ranked_sdf, screen
from levinthal.workloads.docking.search.built_in.restarts import RandomRestarts
from levinthal.workloads.docking.search.contract import Problem
from levinthal.workloads.docking.search.outcome import SearchOutcome
from levinthal.workloads.docking.settings import DockingSettings
from levinthal.workloads.drawing import PALETTE, new_figure, svg_of
from levinthal.workloads.pace import estimate_after

_SEARCH = RandomRestarts(n_drawn=2048, n_starts=512, n_last=32, n_poses=3)
_MOST_NOTES, _MOST_NAMED = 5, 3
_SHOWN = 12


def screen_library(run: Run, settings: DockingSettings, inputs: Inputs) -> None:
    """Dock a library, rank it, and report on the ranking."""
    types = sorted({int(kind) for each in inputs.library for kind in each.ligand.scored_types})
    with run.phase("library maps", items=len(inputs.receptors), doing="energies of the pocket on a grid"):
        grids = build_grids(
            inputs.receptors,
            types,
            inputs.box,
            settings.function,
            spacing_angstrom=settings.spacing,
            device=run.device,
        )
    seed = run.seed_for("screening", bits=31)

    def search(problem: Problem, number: int) -> SearchOutcome:
        return _SEARCH.search(problem, seed=low_bits(seed + number))

    n = len(inputs.library)
    tell = estimate_after(run, 2, n, f"docking of {n:,} compounds")
    with run.phase("screen", items=n, total=n, doing="docking the compounds") as phase:

        def compound_done() -> None:
            phase.advance()
            tell()

        screening = screen(
            inputs.library, inputs.library_failures, inputs.receptors, grids, search,
            n_conformers=settings.conformers, on_ligand=compound_done,
        )  # fmt: skip
    ranked = enrichments(screening.hits)
    _report(run, screening, ranked, run.duration_s("screen"))
    _check(run, inputs, screening)
    _keep(run, inputs, screening, ranked)


def _report(run: Run, screening: Screening, ranked: Mapping[str, Enrichment | None], duration_s: float) -> None:
    run.metric("screening", len(screening.hits) / duration_s, unit="ligand/s", better="higher")
    run.metric("ligands that failed", len(screening.failures), unit="1", better="lower", kind="quality")
    n_conformers = sum(hit.n_conformers for hit in screening.hits)
    run.metric("conformers docked", n_conformers, unit="1", better="higher", kind="quality")
    why = "the library marks no actives, or no decoys"
    for ranking, found in ranked.items():
        of: dict[str, str | int | float] = {"ranking": ranking}
        few = "the library is too small: 1 % of it is a handful of compounds" if found else why
        for name, estimate, labels in (
            ("screening ROC AUC", None if found is None else found.roc_auc, of),
            ("screening BEDROC", None if found is None else found.bedroc, {**of, "alpha": BEDROC_ALPHA}),
        ):
            value = None if estimate is None else estimate.value
            run.metric(name, value, unit="1", better="higher", kind="quality", reason=why, labels=labels)
            if estimate is None:
                continue
            for end, limit in (("low", estimate.low), ("high", estimate.high)):
                run.metric(
                    f"{name}, interval", limit, unit="1", better="higher", kind="quality", reason=estimate.method,
                    labels={**labels, "end": end},
                )  # fmt: skip
        run.metric(
            "screening enrichment", None if found is None else found.enrichment, unit="1", better="higher",
            kind="quality", reason=few, labels={**of, "fraction": TOP_FRACTION},
        )  # fmt: skip
    if screening.hits:
        first = ", ".join(f"{hit.entry.name} ({hit.affinity_kcal_mol:.2f})" for hit in screening.hits[:_MOST_NAMED])
        run.note(f"Best of {len(screening.hits)} compounds, in kcal/mol: {first}.")
    most = max((hit.n_conformers for hit in screening.hits), default=1)
    run.note(f"Each compound was docked as a rigid body, in up to {most} conformers.")
    for failure in screening.failures[:_MOST_NOTES]:
        run.note(f"{failure.name} was left out: {failure.reason}.")
    if len(screening.failures) > _MOST_NOTES:
        run.note(f"{len(screening.failures) - _MOST_NOTES} more compounds were left out: ranked.csv says why.")


def _check(run: Run, inputs: Inputs, screening: Screening) -> None:
    """Report the sanity checks of a screen: something was scored, and the best of it can be a bound ligand."""
    advice = "ranked.csv says why each failed"
    run.gate("compounds with a score", float(len(screening.hits)), at_least=1.0, kind="sanity", advice=advice)
    if screening.hits:
        best = screening.hits[0]
        receptor = inputs.receptors[best.conformation]
        for each in sanity_checks(best.ligand, receptor, inputs.box, best.coordinates, best.affinity_kcal_mol):
            run.gate(each.name, each.value, at_most=each.at_most, kind="sanity", advice=each.advice)


def _keep(run: Run, inputs: Inputs, screening: Screening, ranked: Mapping[str, Enrichment | None]) -> None:
    hits = screening.hits
    run.artifact(
        "ranked.csv", ranked_csv(screening), "The library, ranked; what failed stands at the end with its reason."
    )
    run.artifact("ranked.sdf", ranked_sdf(screening), "The best pose of each compound, in the order of the list.")
    if inputs.ligand is None:  # a redocking of a ligand writes it too
        run.artifact("receptor.pdb", receptor_pdb(inputs.receptors), "The receptor conformations, a model for each.")
    if hits:
        _show_hits(run, screening)
        shown = f"The first {min(len(hits), N_DRAWN)} of {len(hits)} compounds"
        run.artifact("top.svg", top_svg(hits), f"{shown}, by score; ranked.csv has all, ranked.sdf their poses.")
        caption = f"What the best pose of {hits[0].entry.name} touches, at {hits[0].affinity_kcal_mol:.2f} kcal/mol."
        run.artifact("top-contacts.svg", contacts_svg(hits[0].contacts), caption)
    known = {name: found for name, found in ranked.items() if found is not None}
    if known:
        run.artifact("rankings.svg", rankings_svg(known), "The library ranked by score, by efficiency and by size.")
        found = known[DOCKING]
        run.artifact(
            "enrichment.svg",
            _enrichment_figure(screening),
            f"{found.n_active} actives and {found.n_decoy} decoys in the order of their scores.",
        )


def _show_hits(run: Run, screening: Screening) -> None:
    """Have the report show the head of the list, each compound in the receptor conformation that it binds best."""
    steps = [
        SceneStep(words=f"{hit.entry.name}: {hit.affinity_kcal_mol:.2f} kcal/mol", models=(hit.conformation, rank))
        for rank, hit in enumerate(screening.hits[:_SHOWN])
    ]
    parts = (
        ScenePart(artifact="receptor.pdb", words="receptor", shown="pocket"),
        ScenePart(artifact="ranked.sdf", words="docked compound", shown="molecule"),
    )
    caption = "The head of the list, each compound in the receptor conformation that it binds best."
    run.scene("Compounds of the screen", caption, parts, steps)


def _enrichment_figure(screening: Screening) -> str:
    """Draw the share of actives found against the share of the library seen.

    Returns
    -------
    str
        SVG.
    """
    known = [bool(hit.entry.active) for hit in screening.hits if hit.entry.active is not None]
    seen = np.arange(len(known) + 1) / len(known)
    found = np.concatenate([[0.0], np.cumsum(known) / max(sum(known), 1)])
    figure = new_figure(4.2, 3.2)
    axes = figure.subplots()
    axes.plot(seen, found, drawstyle="steps-post", color=PALETTE[0], label="docking")
    axes.plot([0, 1], [0, 1], color="#999999", ls="--", label="random order")
    axes.set(xlabel="share of the library", ylabel="share of the actives", xlim=(0, 1), ylim=(0, 1.02))
    axes.legend(frameon=False, loc="lower right")
    return svg_of(figure)
