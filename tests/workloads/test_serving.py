"""The models of workloads, asked: a batch answers as its samples do alone, and as the plain model does."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cvae_examples import CONFIG, example_maps
from docking_examples import made_problem
from levinthal.harness import Inference, Infers, Lowers
from levinthal.harness.contract.registry import load_workload
from levinthal.harness.contract.settings import make_settings
from levinthal.workloads.cvae.data.maps import DenseMaps
from levinthal.workloads.cvae.model.network import CVAEModel
from levinthal.workloads.cvae.serving import CVAEInference, outliers
from levinthal.workloads.docking.search.agent.policy import DockingPolicy, TrainedPolicy
from levinthal.workloads.docking.search.agent.serving import DockingInference
from levinthal.workloads.rgn.data.features import features_of
from levinthal.workloads.rgn.model.network import RGNModel
from levinthal.workloads.rgn.prediction.serving import RGNInference
from levinthal.workloads.rgn.targets import random_sequences
from rgn_examples import TINY


def cvae(seed: int = 0) -> CVAEInference:
    return CVAEInference(CVAEModel(CONFIG, seed=seed).eval(), DenseMaps(example_maps(40), CONFIG.size), "auto")


def rgn(seed: int = 0) -> RGNInference:
    features = [features_of(each, None) for each in random_sequences((150, 30, 61, 99, 101), 3)]
    return RGNInference(RGNModel(TINY, seed=seed).eval(), features, "auto")


def docking(seed: int = 0) -> DockingInference:
    policy = DockingPolicy(seed=seed).eval()
    # a new policy hardly moves; one with larger weights would be told from another
    with torch.no_grad():
        policy.whole_weights.weight.mul_(30.0)
    return DockingInference(TrainedPolicy(policy), made_problem(n_conformations=2), seed=5)


MODELS = {"cvae": cvae, "rgn": rgn, "docking": docking}


@pytest.mark.parametrize("name", MODELS)
def test_a_batch_answers_as_samples_do_alone_and_as_the_plain_model_does(name):
    model: Inference = MODELS[name]()
    for samples in model.buckets.values():
        some = [samples[k % len(samples)] for k in (3, 0, 2, 0)]
        together, plain = model.answer(some), model.reference(some)
        for sample, answer, reference in zip(some, together, plain, strict=True):
            assert answer.dtype == np.float32
            assert model.deviation(answer, model.answer([sample])[0]) <= model.tolerance
            assert model.deviation(answer, reference) <= model.tolerance


@pytest.mark.parametrize("name", MODELS)
def test_answers_of_other_weights_deviate(name):
    """What the audits and the studies of precision go by tells a wrong answer from a right one."""
    model, other = MODELS[name](), MODELS[name](seed=1)
    (sample, *_), *_ = model.buckets.values()
    assert model.deviation(other.answer([sample])[0], model.reference([sample])[0]) > 3 * model.tolerance
    (answer,) = model.answer([sample])
    assert not model.deviation(np.full_like(answer, np.nan), answer) <= model.tolerance


def test_buckets_are_hundreds_of_residues():
    model = rgn()
    assert {name: list(each) for name, each in model.buckets.items()} == {
        "1-100 residues": [1, 2, 3], "101-200 residues": [4, 0],
    }  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_buckets_are_named_before_anything_is_loaded(name):
    workload = load_workload(name)
    assert isinstance(workload, Infers)
    buckets = workload.inference_buckets(make_settings(workload.Settings, "tiny"))
    assert buckets[:2] == (("all",) if name != "rgn" else ("1-100 residues", "101-200 residues"))


@pytest.mark.parametrize("name", MODELS)
def test_precisions_deviate_in_their_order(name):
    """More digits deviate less: fp64 than the tolerance by far, bf16 more than fp32."""
    model, workload = MODELS[name](), load_workload(name)
    assert isinstance(workload, Lowers)
    samples = [each for part in model.buckets.values() for each in part]
    plain = model.reference(samples)
    deviations = {}
    for precision in workload.precisions:
        if precision != "tf32":
            answers = model.in_precision(precision).answer(samples)
            deviations[precision] = max(model.deviation(*pair) for pair in zip(answers, plain, strict=True))
            assert set(model.effects(answers, plain)) == set(workload.effects)
    assert max(deviations["fp64"], deviations["fp32"]) <= model.tolerance
    assert deviations["bf16"] > 2 * deviations["fp32"]


def test_outliers_are_those_that_lie_apart():
    rng = np.random.default_rng(2)
    places = rng.normal(size=(100, 3)).astype(np.float32)
    places[[7, 40]] += 50.0
    assert {7, 40} <= outliers(places)
    assert len(outliers(places)) == 5
