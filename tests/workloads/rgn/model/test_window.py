"""The control that sees a window, and the profile that is read twice: what depends on what."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from levinthal.errors import UsageError
from levinthal.workloads.rgn.model.config import N_FEATURES, PRESETS, RGNConfig
from levinthal.workloads.rgn.model.network import RGNModel


@pytest.mark.parametrize("reach", [0, 3])
def test_a_window_sees_its_reach_and_the_recurrent_layers_the_whole_chain(reach):
    model = RGNModel(replace(PRESETS["fast"], n_hidden=8, reach=reach), seed=0).eval()
    features = torch.rand(1, 30, N_FEATURES)
    other = features.clone()
    other[0, 15] += 1.0
    with torch.no_grad():
        one, two = (model(each, torch.tensor([30])).dihedrals_rad[0] for each in (features, other))
    changed = {k for k in range(30) if not torch.equal(one[k], two[k])}
    assert changed == (set(range(30)) if reach == 0 else set(range(12, 19)))


def test_a_protein_is_the_same_alone_and_padded():
    model = RGNModel(replace(PRESETS["fast"], n_hidden=8, reach=4), seed=0).eval()
    features = torch.rand(2, 30, N_FEATURES)
    features[1, 20:] = 0.0
    with torch.no_grad():
        together = model(features, torch.tensor([30, 20])).dihedrals_rad[1, :20]
        alone = model(features[1:, :20], torch.tensor([20])).dihedrals_rad[0]
    torch.testing.assert_close(together, alone)


def test_parameters_are_those_published():
    # of the public ProteinNet inputs, and of the original's, which reads the profile twice
    assert PRESETS["casp12"].n_parameters == 20_864_240
    assert PRESETS["casp12-62"].n_parameters == 20_998_640
    assert (PRESETS["casp12"].width, PRESETS["casp12-62"].width) == (41, 62)
    for config in (RGNConfig(n_hidden=5, profile_copies=2), RGNConfig(n_hidden=5, reach=2)):
        assert sum(each.numel() for each in RGNModel(config).parameters()) == config.n_parameters
    with pytest.raises(UsageError, match="reach"):
        RGNConfig(reach=-1)


def test_each_copy_of_the_profile_has_its_own_dropout():
    model = RGNModel(RGNConfig(n_hidden=4, n_layers=1, profile_copies=2), seed=0).train()
    seen = []
    model.layers[0].forward = lambda features, lengths: seen.append(features) or features[..., :8]
    torch.manual_seed(0)
    model.recur(torch.ones(1, 50, N_FEATURES), torch.tensor([50]))
    first, second = seen[0][0, :, 20:41] > 0, seen[0][0, :, 41:] > 0
    assert seen[0].shape[-1] == 62
    assert 0.4 < first.float().mean() < 0.6
    assert 0.4 < (first == second).float().mean() < 0.6  # as often alike as chance has it


def test_forget_gates_start_open_in_our_preset_and_as_published_in_the_others():
    for preset, bias in (("fast", 2.0), ("casp12", 0.0), ("casp12-62", 0.0)):
        config = replace(PRESETS[preset], n_hidden=6)
        for layer in RGNModel(config).layers:
            for name, parameter in layer.recurrence.named_parameters():
                if name.startswith("bias"):
                    expected = torch.zeros(24)
                    expected[6:12] = bias if name.startswith("bias_ih") else 0.0
                    assert torch.equal(parameter, expected)
