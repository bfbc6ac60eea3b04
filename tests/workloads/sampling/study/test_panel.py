"""A panel: each system with its own budget and figures; one that fails costs the others nothing."""

from __future__ import annotations

import pytest

from levinthal.errors import UsageError
from levinthal.harness.contract.settings import make_settings
from levinthal.harness.results.labels import find_figure
from levinthal.harness.results.store import load_result
from levinthal.workloads.sampling.settings import SamplingSettings
from levinthal.workloads.sampling.study.panel import folder_of

UNCHECKED = ("--set", "exact_replicas=0", "--set", "all_atom_step_ms=2")


def settings_of(**settings):
    return make_settings(SamplingSettings, "smoke", settings)


def test_each_system_has_the_budget_that_it_declares_unless_it_is_set():
    deep, plane = settings_of(systems="landscape:10,mueller-brown", options="landscape.steps=900").members()
    assert (deep.name, deep.sampled.system, deep.campaign.steps, deep.campaign.frame_interval) == (
        "landscape:10", "landscape:10", 900, 20,
    )  # fmt: skip
    assert (plane.campaign.walkers, deep.campaign.walkers) == (2, 2)  # as the size has it
    bare = make_settings(SamplingSettings, "tiny", {"systems": "landscape:10,landscape:7", "replicas": "2"})
    assert [each.campaign.chunk_steps for each in bare.members()] == [100, 100]
    assert {each.comparison.replicas for each in bare.members()} == {2}
    options = "landscape:10.walkers=3,lof.outliers=9"
    own = make_settings(SamplingSettings, "tiny", {"systems": "landscape:10,landscape:7", "options": options})
    assert [each.campaign.walkers for each in own.members()] == [3, 10]
    assert {each.campaign.options for each in own.members()} == {("lof.outliers=9",)}
    set_for_all = make_settings(SamplingSettings, "tiny", {"systems": "landscape,mueller-brown", "steps": "3000"})
    assert {each.campaign.steps for each in set_for_all.members()} == {3000}
    assert SamplingSettings.model_validate(own.model_dump(mode="json")) == own  # as a resumed run reads it


def test_a_system_takes_the_place_of_a_panel():
    asked = make_settings(SamplingSettings, "tiny", {"systems": "landscape,mueller-brown", "system": "landscape"})
    (only,) = asked.members()
    assert (only.name, only.campaign.chunk_steps) == ("landscape", 2000)
    assert SamplingSettings.model_validate(asked.model_dump(mode="json")).members() == (only,)


def test_what_is_set_for_all_goes_before_what_a_size_says_of_a_system():
    chain, bundle = make_settings(SamplingSettings, "tiny", {}).members()
    assert (chain.campaign.steps, bundle.campaign.steps, bundle.campaign.learner) == (30_000, 60_000, "cvae")
    assert {each.campaign.steps for each in make_settings(SamplingSettings, "tiny", {"steps": "500"}).members()} == {
        500
    }
    (only,) = make_settings(SamplingSettings, "tiny", {"system": "mueller-brown"}).members()
    assert (only.campaign.steps, only.campaign.options) == (60_000, ())
    deep, _, _, bundle = make_settings(SamplingSettings, "small", {}).members()
    assert (deep.campaign.steps, deep.campaign.walkers, bundle.campaign.steps) == (60_000, 10, 300_000)
    assert (deep.comparison.reference_steps, bundle.comparison.reference_steps) == (0, 8_000_000)
    own = make_settings(SamplingSettings, "small", {"system": "go:own.pdb", "walkers": "3"}).members()[0].campaign
    assert (own.steps, own.chunk_steps, own.walkers) == (300_000, 1_000, 3)
    for size in ("small", "paper"):
        asked = make_settings(SamplingSettings, size, {})
        assert SamplingSettings.model_validate(asked.model_dump(mode="json")).members() == asked.members()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"options": "landscape.step=9"}, "landscape: setting 'step' is unknown: did you mean steps"),
        ({"options": "landscape.steps=many"}, "landscape: setting steps"),
        ({"options": "landscape.replicas=3"}, "holds for all systems"),
        ({"options": "landscape.frame_interval=7"}, "landscape: settings: chunk_steps"),
        ({"systems": "landscape,nowhere"}, "system 'nowhere' is unknown"),
        ({"systems": "landscape,landscape"}, "named twice"),
        ({"headline": "fast"}, "headline 'fast' is not among the policies"),
        ({"learners": "pca,pca"}, "named twice"),
        ({"learners": "pca,pcs"}, "did you mean pca"),
    ],
)
def test_a_mistake_names_the_system(settings, message):
    with pytest.raises(UsageError, match=message):
        make_settings(SamplingSettings, "tiny", {"systems": "landscape,mueller-brown", **settings}).members()


def test_folders_of_systems_are_apart():
    names = ("landscape:10", "landscape_10", "go:a/b.pdb", "go:a_b.pdb", "..")
    assert len({folder_of(each) for each in names}) == len(names)
    assert all("/" not in folder_of(each) and not folder_of(each).startswith(".") for each in names[:4])


@pytest.mark.slow
def test_a_panel_through_the_command_line(levinthal, tmp_path):
    """Three systems, of which one has no reference that holds; the policy on two learners where there are true ones."""
    done = levinthal(
        "run", "sampling", "--verbose", "--out", "a", "--seed", "3", "--engine", "local:2", *UNCHECKED,
        "--set", "systems=landscape:6,lifted:landscape:6,three-helix-bundle", "--set", "learners=coordinates,pca",
        "--set", "policies=plain,least-counts,oracle", "--set", "replicas=3", "--set", "best_structures=0",
        "--set", "deterministic=true",
        "--set", "options=landscape.steps=4000,lifted.steps=4000,three-helix-bundle.steps=4000,"
        "three-helix-bundle.reference_steps=40000,least-counts.min_age_frames=5,oracle.strategy=passage",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    (repeat,) = load_result(tmp_path / "a").repeats
    assert repeat.error is None
    (left_out,) = (each for each in repeat.warnings if "left out" in each)
    assert left_out.startswith("three-helix-bundle: left out, the other systems stand; the reference of ")
    measured = ("landscape:6", "lifted:landscape:6")
    for system in measured:
        for policy in ("plain", "least-counts-coordinates", "least-counts-pca", "oracle"):
            found = find_figure(repeat.metrics, "cells seen", {"policy": policy, "system": system}).value
            assert 10 < found <= 500
        compared = {(each.candidate, each.baseline) for each in repeat.comparisons if each.labels["system"] == system}
        assert ("least-counts-pca", "least-counts-coordinates") in compared
        assert ("least-counts-coordinates", "least-counts-pca") not in compared
        assert ("least-counts-pca", "plain") in compared
    assert {each.labels["system"] for each in repeat.metrics if each.name.startswith("share of")} == set(measured)
    assert {each.split(":")[0] for each in repeat.findings} >= {"landscape", "lifted"}
    plan = load_result(tmp_path / "a").study
    assert {tuple(point[axis] for axis in ("system", "policy")) for point in plan.points()} == {
        (system, policy)
        for system in measured
        for policy in ("plain", "least-counts-coordinates", "least-counts-pca", "oracle")
    }
    assert {"landscape_6-ratios.svg", "lifted_landscape_6-latent.svg"} <= {each.name for each in repeat.artifacts}
    page = (tmp_path / "a/report.html").read_text()
    assert "landscape:6" in page
