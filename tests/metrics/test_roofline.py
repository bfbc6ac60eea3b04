"""Operations and bytes against what arithmetic gives, and formulas of the models against torch's counter."""

import pytest
import torch

from levinthal.kernels.choice import implementation
from levinthal.metrics.roofline import Dot, Roof, count_operations, roofline_svg
from levinthal.workloads.cvae.model.config import CVAEConfig, flops_per_frame
from levinthal.workloads.cvae.model.network import CVAEModel, evidence_loss
from levinthal.workloads.rgn.model.config import RGNConfig, flops_per_residue
from levinthal.workloads.rgn.model.network import RGNModel


def test_a_product_and_its_gradients():
    a, b = torch.randn(6, 7, requires_grad=True), torch.randn(7, 8, requires_grad=True)
    forward = count_operations(lambda: a @ b)
    assert (forward.flops, forward.moved_bytes) == (2 * 6 * 7 * 8, 4 * (6 * 7 + 7 * 8 + 6 * 8))
    assert forward.intensity == forward.flops / forward.moved_bytes
    both = count_operations(lambda: (a @ b).sum().backward())
    assert both.flops == 3 * 2 * 6 * 7 * 8


def test_views_move_nothing_and_writing_in_place_does():
    x = torch.zeros(10, 4)
    assert count_operations(lambda: x.t()[1:].unsqueeze(0)).moved_bytes == 0
    assert count_operations(lambda: x.add_(1.0)).moved_bytes == 2 * 160
    assert count_operations(x.double).moved_bytes == 160 + 320


@pytest.mark.parametrize("strides", [(1, 2, 1, 1), (2, 2, 2, 2)])
def test_the_cvae_s_formula_is_torch_s_count_of_a_training_step(strides):
    config = CVAEConfig(size=22, latent=3, filters=(4, 8, 8, 4), strides=strides, dense=16)
    model, maps, noise = CVAEModel(config), torch.ones(3, 22, 22), torch.zeros(3, 3)
    step = count_operations(lambda: evidence_loss(model(maps, noise), maps).total.backward())  # noqa: PLW0108
    assert step.flops == 3 * flops_per_frame(config)
    with torch.no_grad():
        assert count_operations(lambda: model(maps, noise)).flops == 3 * flops_per_frame(config, training=False)


def test_the_rgn_s_formula_is_torch_s_count():
    """But for the gradient of each protein's first hidden state, which is 0 and which nobody needs."""
    config = RGNConfig(n_hidden=8, alphabet=5)
    lengths, features = torch.tensor([9, 9]), torch.randn(2, 9, config.n_inputs)
    with implementation("torch"):
        model = RGNModel(config).eval()
        with torch.no_grad():
            forward = count_operations(lambda: model.projection(model.recur(features, lengths)))
        training = count_operations(lambda: model.projection(model.recur(features, lengths)).sum().backward())
    assert forward.flops == 18 * flops_per_residue(config)
    first_states = 2 * 2 * config.n_layers * 2 * 4 * config.n_hidden**2
    assert training.flops == 18 * flops_per_residue(config, training=True) - first_states


def test_a_roof_bounds_by_memory_below_its_ridge():
    roof = Roof(gflop_s=200.0, gb_s=20.0)
    assert roof.ridge == 10.0
    assert [roof.bound(each) for each in (9.9, 10.0)] == ["memory", "compute"]
    assert roof.attainable_gflop_s(2.5) == 50.0
    drawn = roofline_svg([roof], [Dot("<step>", 4.0, 30.0)])
    assert drawn.lstrip().startswith("<?xml")
    assert "<step>" not in drawn
    assert drawn == roofline_svg([roof], [Dot("<step>", 4.0, 30.0)])
