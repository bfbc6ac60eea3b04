"""Whatever of the analysis breaks, and wherever: what was measured stands, and what is missing is named."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from levinthal.harness.contract.settings import make_settings
from levinthal.workloads.sampling import workload
from levinthal.workloads.sampling.reporting import artifacts, metrics
from levinthal.workloads.sampling.settings import SamplingSettings
from levinthal.workloads.sampling.study import comparison, evaluation, possible
from levinthal.workloads.sampling.study.answer import answer_of
from levinthal.workloads.sampling.study.campaigns import CampaignFailure, do_alone, read_campaign
from levinthal.workloads.sampling.study.comparison import compare_all
from levinthal.workloads.sampling.study.possible import shares_of
from levinthal.workloads.sampling.study.reference import exact_reference
from levinthal.workloads.sampling.study.result import study_result
from levinthal.workloads.sampling.study.tasks import campaign_tasks, entries_of
from levinthal.workloads.sampling.systems.system import make_system

FIGURES = [each for each in vars(artifacts) if each.endswith("_figure")]


class Kept:
    """Takes what a run takes, and keeps it by name and labels."""

    def __init__(self, folder: Path):
        self.folder = self.kept = folder
        self.found, self.warnings = {}, []

    def seed_for(self, name, bits=63):
        return 7

    def keep(self, kind, name, labels=None, **what):
        self.found[kind, name, tuple(sorted((labels or {}).items()))] = repr(what)

    def metric(self, name, value, *, labels=None, **_):
        self.keep("metric", name, labels, value=None if value is None or not math.isfinite(value) else value)

    def samples(self, name, values, *, labels=None, **_):
        self.keep("samples", name, labels, values=list(values))

    def curve(self, name, x, y, *, labels=None, **_):
        self.keep("curve", name, labels, y=list(y))

    def comparison(self, name, *, candidate, baseline, value, labels=None, **_):
        self.keep("comparison", name, {**(labels or {}), "of": candidate, "over": baseline}, value=value)

    def artifact(self, name, content, caption="", **_):
        self.keep("artifact", name, content=content)

    def gate(self, name, value, **_):
        self.keep("gate", name, value=value)

    def note(self, sentence):
        self.keep("sentence", sentence)

    finding = note

    def study(self, plan):
        self.keep("study", plan.kind)

    def warn(self, sentence):
        self.warnings.append(sentence)


@pytest.fixture(scope="module")
def studied(tmp_path_factory):
    """Two campaigns each of four policies on an exact chain, one of which failed."""
    folder = tmp_path_factory.mktemp("study")
    given = {"system": "landscape", "depth_kt": "5", "chunk_steps": "100", "frame_interval": "10", "walkers": "6"}
    given |= {"steps": "3000", "policies": "plain,random,weighted-rate,oracle", "learner": "coordinates"}
    settings = make_settings(SamplingSettings, "tiny", {**given, "replicas": "2", "options": "oracle.strategy=cells"})
    (member,) = settings.members()
    campaign, compared, system = member.campaign, member.comparison, make_system(member.sampled)
    reference = exact_reference(system)
    tasks = campaign_tasks(
        campaign, compared.policies, system, folder / "campaigns", [5, 6], 1, "cpu", answer_of(system, reference)
    )
    found = [read_campaign(do_alone(task)) for task in tasks]
    found[5] = CampaignFailure(found[5].policy, 1, "it broke", mistake=False, details="")
    kept = folder / "campaigns"
    study = study_result(system, found, entries_of(tasks), reference, campaign, compared, kept, 1e-3)
    return folder, study, campaign


def all_told(studied):
    """Do what the workload does when the campaigns are done."""
    folder, study, campaign = studied
    run = Kept(folder)
    divergence = {cost: study.divergences(cost) for cost in study.budgets}
    ratios = compare_all(study, divergence, 1)
    shares = shares_of(study, divergence, 1)
    metrics.report_study(run, study, ratios, shares, divergence[study.cost], spread=True)
    artifacts.present(run, study, ratios, campaign, 2)
    return run


def draw_nothing(patch):
    """Let pictures be drawn at once: what is asked is whether one that fails costs another."""
    for name in FIGURES:
        patch.setattr(artifacts, name, lambda *_, name=name, **__: f"<svg>{name}</svg>")
    patch.setattr("levinthal.simulation.analysis.pair_bootstrap._RESAMPLES", 99)


@pytest.fixture(scope="module")
def whole(studied):
    with pytest.MonkeyPatch.context() as patch:
        draw_nothing(patch)
        run = all_told(studied)
    assert not [each for each in run.warnings if "missing" in each]
    return run


BREAKABLE = [
    *((artifacts, name) for name in FIGURES),
    *((artifacts, name) for name in ("frame_weights", "make_learner", "CampaignRecord", "reweighted_populations")),
    *((metrics, name) for name in ("coverage_at", "coverage_curve", "first_arrival", "mass_at", "nearest_nm",
                                   "recurrence_error", "recurrence_steps", "findings", "report_ratios",
                                   "report_shares", "report_comparisons", "report_controls", "report_rates")),
    *((comparison, name) for name in ("better", "faster", "greater", "ratio_of_levels", "mass_at", "first_arrival")),
    *((evaluation, name) for name in ("jensen_shannon_nats", "markov_model_of_counts", "mean_recurrence")),
    *((possible, name) for name in ("share_of_possible", "best_on_other_seeds", "budget_to_see")),
]  # fmt: skip


@pytest.mark.parametrize(("module", "name"), BREAKABLE, ids=lambda each: getattr(each, "__name__", each))
def test_what_breaks_costs_nothing_else(studied, whole, monkeypatch, module, name):
    def broken(*_, **__):
        raise ZeroDivisionError("it broke here")

    draw_nothing(monkeypatch)
    monkeypatch.setattr(module, name, broken)
    run = all_told(studied)
    there, changed = set(run.found), {key for key in whole.found if run.found.get(key) != whole.found[key]}
    assert changed or run.warnings != whole.warnings, "nothing was lost: it is not used"
    assert len(there) > 0.5 * len(whole.found)
    figures = {key for key in changed if key[0] != "sentence"}  # sentences are of figures
    for key in figures - there:  # what is not there any more is named, and not passed over
        assert any("it broke here" in each for each in run.warnings), key
    for key in figures & there:  # what is there without its figure has none: no wrong one
        kind, _, _ = key
        assert kind != "artifact"
        assert "None" in run.found[key] or "nan" in run.found[key] or kind == "samples", (key, run.found[key])


def test_a_campaign_that_was_held_up_is_told_and_misses_no_gate(studied, monkeypatch):
    """Where steps end the campaigns, only one without any frame misses the gate."""
    folder, study, _ = studied
    monkeypatch.setattr("levinthal.simulation.analysis.pair_bootstrap._RESAMPLES", 99)
    first, *others = study.outcomes["random"]
    held_up = replace(first, core_s=first.core_s + 1e3)
    nothing = replace(
        first,
        **{
            name: getattr(first, name)[:0]
            for name in ("values", "cell", "segment", "arrived", "core_s", "simulate_s", "weight")
        },
    )
    told = {}
    for name, changed in {"as it was": first, "held up": held_up, "nothing": nothing}.items():
        run = Kept(folder)
        those = replace(study, outcomes={**study.outcomes, "random": [changed, *others]})
        workload._measure(run, those, "", spread=False)
        gate = run.found["gate", "campaigns without a frame", ()]
        told[name] = (gate, [each for each in run.warnings if "had no frame yet" in each])
    assert told["as it was"] == ("{'value': 0.0}", [])
    gate, (warning,) = told["held up"]
    assert gate == "{'value': 0.0}"
    assert warning.startswith("1 of 7 campaigns had no frame yet when the cheapest one ended, after ")
    assert told["nothing"][0] == "{'value': 1.0}"
