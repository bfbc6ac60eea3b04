"""What is measured of the searches: their metrics, and the gates of the complex that comes with the package."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from levinthal.harness import Run
from levinthal.workloads.docking.redocking.comparison import Finished, Summary
from levinthal.workloads.docking.redocking.verdicts import SEARCH_TOLERANCE_KCAL_MOL, SUCCESS_ANGSTROM
from levinthal.workloads.docking.search.agent.policy import TrainedPolicy

__all__ = ["report_break_even", "report_searches", "report_success"]


def report_searches(run: Run, summaries: Sequence[Summary]) -> None:
    """Record times and quality of every search, by its name."""
    no_crystal = "there is no crystal pose to compare with"
    for each in summaries:
        of = {"search": each.search.shown}
        run.metric("docking time", each.search_s, unit="s", better="lower", labels=of)
        if each.setup_s:
            run.metric("set-up", each.setup_s, unit="s", better="lower", labels=of)
        run.metric("best score", each.best_kcal_mol, unit="kcal/mol", better="lower", kind="quality", labels=of)
        run.metric("best known found", each.found, unit="1", better="higher", kind="quality", labels=of)
        run.metric(
            "success", each.success, unit="1", better="higher", kind="quality", reason=no_crystal,
            labels={**of, "within_angstrom": SUCCESS_ANGSTROM},
        )  # fmt: skip
        run.metric(
            "RMSD of the top pose", each.rmsd_angstrom, unit="A", better="lower", kind="quality", reason=no_crystal,
            labels=of,
        )  # fmt: skip
        if each.success is not None:
            for name, count in (
                ("search failures", each.n_search_failures),
                ("scoring failures", each.n_scoring_failures),
            ):
                run.metric(name, count / each.n_runs, unit="1", better="lower", kind="quality", labels=of)
        plausible = each.n_plausible / each.n_runs
        run.metric("plausible top poses", plausible, unit="1", better="higher", kind="quality", labels=of)


def report_break_even(run: Run, summaries: Sequence[Summary], model: TrainedPolicy | None) -> None:
    """Record after how many ligands the training has paid for itself, against the control."""
    control = next((each for each in summaries if each.search.is_control), None)
    trained = [each for each in summaries if each.search.needs_model]
    if model is None or control is None:
        return
    reason = "the policy was given, not trained here" if model.training_s is None else "it saves no time"
    for each in trained:
        saved_s = control.search_s - each.search_s
        ligands = model.training_s / saved_s if model.training_s is not None and saved_s > 0 else None
        run.metric(
            "break-even ligands of the training", ligands, unit="1", better="lower", reason=reason,
            labels={"search": each.search.shown},
        )  # fmt: skip


def report_success(run: Run, finished: Finished, best_known_kcal_mol: float, *, gated: bool) -> None:
    """Check the gates on the first search of the settings: the median of its runs."""
    run.metric("best known score", best_known_kcal_mol, unit="kcal/mol", better="lower", kind="quality")
    if not gated:
        return
    first, runs = next(iter(finished.items()))
    of = {"search": first.shown}
    distances = [each.rmsd_angstrom for each in runs if each.rmsd_angstrom is not None]
    above = float(np.median([each.best_kcal_mol for each in runs])) - best_known_kcal_mol
    run.gate("RMSD of the redocked ligand (A)", float(np.median(distances)), at_most=SUCCESS_ANGSTROM, labels=of)
    run.gate("score above the best known (kcal/mol)", above, at_most=SEARCH_TOLERANCE_KCAL_MOL, labels=of)
