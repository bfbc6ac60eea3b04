"""Every workload runs without compiled loops, which have plain equals; the result says so and compare names it."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from docking_examples import made_ligand, made_problem, made_receptor
from levinthal.harness.results.store import load_result
from levinthal.harness.review.differences import differences
from levinthal.kernels.choice import implementation, kernels_allowed
from levinthal.proteins.contact_maps.maps import expand_contacts, pack_contacts
from levinthal.proteins.geometry.backbone import build_backbone
from levinthal.proteins.geometry.distance_rmsd import distance_rmsd
from levinthal.simulation.exact.markov_chain import markov_chain
from levinthal.simulation.exact.potential import MINIMA, MuellerBrown
from levinthal.workloads.cvae.model.config import CVAEConfig
from levinthal.workloads.cvae.model.network import CVAEModel
from levinthal.workloads.cvae.model.optimiser import OptimizerSettings, RMSprop
from levinthal.workloads.cvae.model.precision import choose_execution
from levinthal.workloads.docking.molecules.pose import Poses
from levinthal.workloads.docking.scoring.grid_score import score_and_gradient
from levinthal.workloads.docking.search.rescoring import _exact_evaluation
from levinthal.workloads.rgn.model.lstm import BidirectionalLSTM

GUARD = """
from numba.core import dispatcher

compile_any = dispatcher.Dispatcher.compile

def compile_other(self, signature):
    if self.py_func.__module__.startswith("levinthal.kernels"):
        raise RuntimeError(f"{self.py_func.__name__} was compiled")
    return compile_any(self, signature)

dispatcher.Dispatcher.compile = compile_other
"""

SMALL = {
    "cvae": ("steps=2000", "frame_interval=20", "filters=16", "equilibration_steps=0", "epochs=1", "replicas=4"),
    "rgn": ("families=20", "homologues=3", "steps=2", "target_lengths=30,60", "timings=1", "target_drmsd=1000"),
    "docking": ("flexible=none", "n_conformations=1", "training_steps=1", "methods=restarts"),
    "sampling": ("system=landscape", "learner=coordinates", "policies=plain,random", "replicas=2", "steps=2000",
                 "chunk_steps=200", "frame_interval=10", "exact_replicas=0"),
}  # fmt: skip
SIZE = {"docking": "smoke"}


@pytest.mark.parametrize("name", SMALL)
def test_a_workload_runs_without_kernels(name, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(GUARD)
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    words = ["run", name, "--size", SIZE.get(name, "tiny"), "--out", "a", "--engine", "local:2", "--set"]
    settings = [word for each in (*SMALL[name], "implementation=torch") for word in ("--set", each)][1:]
    done = subprocess.run(
        [sys.executable, "-m", "levinthal", *words, *settings],
        env={**os.environ, "PYTHONPATH": path}, cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    result = load_result(tmp_path / "a")
    assert [repeat.error for repeat in result.repeats] == [None], done.stdout + done.stderr
    assert {repeat.implementation for repeat in result.repeats} == {"torch"}
    assert result.division == "open"  # by the small settings; implementation alone leaves it closed
    other = result.model_copy(
        update={"repeats": tuple(r.model_copy(update={"implementation": "kernels"}) for r in result.repeats)}
    )
    assert "implementation: torch against kernels" in differences(result, other)
    unknown = result.model_copy(
        update={"repeats": tuple(r.model_copy(update={"implementation": None}) for r in result.repeats)}
    )
    assert not any("implementation" in line for line in differences(result, unknown))


def test_the_choice_reaches_processes_started_within_it():
    program = "from levinthal.kernels.choice import kernels_allowed; print(kernels_allowed())"
    with implementation("torch"):
        assert not kernels_allowed()
        with implementation("auto"):
            assert kernels_allowed()
        assert not kernels_allowed()
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
    assert kernels_allowed()


def contact_maps():
    xyz = np.random.default_rng(0).normal(size=(3, 40, 3)).astype(np.float32)
    packed = pack_contacts(xyz)
    return packed, expand_contacts(packed, 40, 43)


def geometry():
    generator = torch.Generator().manual_seed(0)
    dihedrals = torch.randn(3, 20, 3, generator=generator, dtype=torch.float64).requires_grad_()
    atoms = build_backbone(dihedrals)
    rmsd = distance_rmsd(atoms[:, :, 1], torch.randn(3, 20, 3, generator=generator).double(), torch.ones(3, 20) > 0)
    return atoms.detach(), rmsd.detach(), torch.autograd.grad(rmsd.sum(), dihedrals)[0]


def chains():
    matrix = np.random.default_rng(0).random((6, 6))
    chain = markov_chain(f"{os.urandom(4).hex()}", matrix / matrix.sum(axis=1, keepdims=True))
    _, visited = chain.advance(chain.start(2), 300, 5, frame_interval=3)
    surface = MuellerBrown()
    _, frames = surface.advance(surface.start(MINIMA[0], 1), 300, 2, frame_interval=3)
    return visited.microstate, frames.position


def docking():
    problem, generator = made_problem(), torch.Generator().manual_seed(0)
    quaternions = torch.nn.functional.normalize(torch.randn(9, 4, generator=generator), dim=1)
    poses = Poses(quaternions, torch.randn(9, 3, generator=generator))
    precise = Poses(quaternions.double(), poses.centres_angstrom.double())
    ligand = made_ligand()
    around = precise.coordinates(torch.as_tensor(ligand.coordinates_angstrom))
    exact = _exact_evaluation(made_receptor(), ligand, around, "vina")(precise, torch.zeros(9, dtype=torch.int64))
    return (*score_and_gradient(problem.grids, problem.ligand, poses), *exact)


def networks():
    config = CVAEConfig(13, filters=(16, 16), kernels=(3, 3), strides=(1, 2), dense=16, latent=3)
    model = CVAEModel(config)
    generator = torch.Generator().manual_seed(0)
    maps, noise = (torch.rand(5, 13, 13, generator=generator) < 0.3).float(), torch.randn(5, 3, generator=generator)
    for parameter in model.parameters():  # without a bias, windows of zeros meet ReLU where it has no derivative
        if parameter.ndim == 1:
            torch.nn.init.normal_(parameter, generator=generator)
    model.compiled = model.can_compile
    model(maps, noise).logits.square().sum().backward()
    gradients = [parameter.grad.clone() for parameter in model.parameters()]
    stepped = torch.arange(-4.0, 4.0).requires_grad_()
    stepped.grad = torch.linspace(1.0, 2.0, 8)
    RMSprop([stepped], OptimizerSettings(clip_norm=2.0)).step()
    torch.manual_seed(0)
    layer = BidirectionalLSTM(5, 6)
    return *gradients, stepped, layer(torch.randn(3, 9, 5), torch.tensor([9, 4, 6]))


@pytest.mark.parametrize("compute", [contact_maps, geometry, chains, docking, networks], ids=lambda each: each.__name__)
def test_plain_code_gives_what_kernels_give(compute):
    ours = compute()
    with implementation("torch"):
        plain = compute()
    for one, other in zip(ours, plain, strict=True):
        found, right = (torch.as_tensor(each).detach().double() for each in (one, other))
        torch.testing.assert_close(found, right, rtol=0, atol=2e-3 * max(1.0, float(right.abs().max())))


def test_the_cvae_is_computed_by_torch_where_kernels_are_not_allowed():
    config = CVAEConfig(13, filters=(16,), kernels=(3,), strides=(1,), dense=8, latent=3)
    assert CVAEModel(config).can_compile
    with implementation("torch"):
        assert choose_execution(CVAEModel(config), "fp32").name == "fp32 torch"
