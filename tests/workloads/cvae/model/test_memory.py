"""Strips and recomputation give the plain model's results and gradients, and hold what they promise of memory."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from levinthal.errors import UsageError
from levinthal.workloads.cvae.model.config import CVAEConfig, strides_for
from levinthal.workloads.cvae.model.memory import MemoryPlan, activation_bytes, plan_memory, state_bytes
from levinthal.workloads.cvae.model.network import CVAEModel, evidence_loss
from levinthal.workloads.cvae.model.precision import Execution, execution_context


def results(model: CVAEModel, plan: MemoryPlan, compiled: bool = False) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    config = model.config
    generator = torch.Generator().manual_seed(2)
    maps = (torch.rand(2, config.size, config.size, generator=generator) < 0.3).double()
    noise = torch.randn(2, config.latent, generator=generator).double()
    model.memory = plan
    model.zero_grad()
    with execution_context(model, Execution("fp32", compiled)):
        output = model(maps, noise)
        evidence_loss(output, maps, 0.7).total.backward()
    return output.logits.detach(), {name: p.grad.clone() for name, p in model.named_parameters()}


def noisy_model(config: CVAEConfig) -> CVAEModel:
    model = CVAEModel(config).double()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                parameter.copy_(0.1 * torch.randn(parameter.shape, generator=generator))
    return model


@settings(max_examples=25)
@given(
    st.integers(5, 28),
    st.lists(st.tuples(st.sampled_from([1, 3, 5]), st.integers(1, 3), st.integers(1, 4)), min_size=1, max_size=4),
    st.integers(3, 30),
)
def test_strips_are_the_whole_map(size: int, layers: list[tuple[int, int, int]], rows: int) -> None:
    kernels, strides, filters = zip(*layers, strict=True)
    strides = tuple(min(k, s) for k, s in zip(kernels, strides, strict=True))
    model = noisy_model(CVAEConfig(size, filters, kernels, strides, dense=3, latent=2))
    plain, plain_gradients = results(model, MemoryPlan())
    logits, gradients = results(model, MemoryPlan(True, rows))
    torch.testing.assert_close(logits, plain, rtol=1e-10, atol=1e-12)
    for name, each in plain_gradients.items():
        torch.testing.assert_close(gradients[name], each, rtol=1e-8, atol=1e-10, msg=name)


@pytest.mark.parametrize("compiled", [False, True])
def test_recomputing_changes_nothing(compiled: bool) -> None:
    model = noisy_model(CVAEConfig(size=22, filters=(16,) * 4))
    plain, plain_gradients = results(model, MemoryPlan(), compiled)
    logits, gradients = results(model, MemoryPlan(recompute=True), compiled)
    assert torch.equal(logits, plain)
    assert all(torch.equal(gradients[name], each) for name, each in plain_gradients.items())


def test_strips_are_computed_by_torch() -> None:
    model = CVAEModel(CVAEConfig(size=22, filters=(16,) * 4))
    assert model.can_compile
    model.memory = MemoryPlan(True, 8)
    assert not model.can_compile
    with pytest.raises(UsageError):
        MemoryPlan(strip_rows=-1)


def test_strides_keep_the_papers_where_it_used_them_and_bound_the_dense_layer() -> None:
    assert strides_for(22) == strides_for(28) == strides_for(106) == strides_for(128) == (1, 2, 1, 1)
    assert strides_for(214) == (1, 2, 2, 1)
    assert strides_for(512) == (1, 2, 2, 2)
    assert strides_for(1024) == strides_for(4096) == (2, 2, 2, 2)
    assert strides_for(10_000, 1) == (2,)
    for size in range(2, 1025):
        assert CVAEConfig(size, strides=strides_for(size)).sizes[-1] <= 64


def test_the_plan_is_as_thrifty_as_it_must_be() -> None:
    config = CVAEConfig(size=1024, strides=(1, 2, 2, 2))
    needs = [
        activation_bytes(config, 2, p) for p in (None, MemoryPlan(True), MemoryPlan(True, 256), MemoryPlan(True, 64))
    ]
    assert needs == sorted(needs, reverse=True)
    names = [plan_memory(config, 2, 2 * (state_bytes(config) + need)).name for need in needs]
    assert names == ["keep all", "recompute", "strips of 256 rows", "strips of 64 rows"]
    assert plan_memory(config, 2, 0).name == "strips of 64 rows"


def test_strips_spare_memory() -> None:
    program = """
import resource, sys, torch
from levinthal.metrics.process import process_tree_usage
from levinthal.workloads.cvae.model.config import CVAEConfig
from levinthal.workloads.cvae.model.memory import MemoryPlan
from levinthal.workloads.cvae.model.network import CVAEModel, evidence_loss
model = CVAEModel(CVAEConfig(512, (32,) * 4, strides=(1, 2, 2, 2), dense=8))
model.memory = MemoryPlan(True, int(sys.argv[1]))
maps = torch.zeros(2, 512, 512)
before = process_tree_usage().peak_rss_bytes
evidence_loss(model(maps, torch.zeros(2, 3)), maps).total.backward()
print((process_tree_usage().peak_rss_bytes - before) / 2**20)
"""
    peaks = [
        float(subprocess.run([sys.executable, "-c", program, rows], capture_output=True, text=True, check=True).stdout)
        for rows in ("0", "64")
    ]
    assert peaks[1] < 0.6 * peaks[0], peaks
