"""Names of version 1 of the result become names and labels."""

import pytest

from levinthal.harness.results.former_names import former_identity


@pytest.mark.parametrize(
    ("old", "now", "labels"),
    [
        ("training", "training rate", {}),
        ("training arithmetic", "arithmetic rate", {"phase": "training"}),
        ("prediction arithmetic", "arithmetic rate", {"phase": "inference"}),
        (
            "share of the measured peak",
            "share of the measured peak",
            {"phase": "training", "flops": "direct algorithm"},
        ),
        (
            "prediction, share of the measured peak",
            "share of the measured peak",
            {"phase": "inference", "flops": "executed"},
        ),
        ("time to target loss", "time to target", {}),
        ("held-out bits per contact", "held-out bits per contact", {"predictor": "CVAE"}),
        ("held-out bits per contact (mean map)", "held-out bits per contact", {"predictor": "mean map"}),
        ("VAMP-2 (tICA)", "VAMP-2", {"space": "tICA"}),
        (
            "correlation with RMSD to native (PCA)",
            "correlation with a property",
            {"property": "RMSD to native", "space": "PCA"},
        ),
        ("training step, 90th percentile", "training step", {"percentile": 90}),
        ("held-out dRMSD", "mean dRMSD", {"split": "held out", "predictor": "network"}),
        ("held-out dRMSD (ideal helix)", "mean dRMSD", {"split": "held out", "predictor": "ideal helix"}),
        ("training set dRMSD (A)", "mean dRMSD in A", {"split": "training set"}),
        ("TM-score (held-out, median of 30)", "median TM-score", {"split": "held out"}),
        ("dRMSD (unseen families, median of 30)", "median dRMSD", {"split": "test", "class": "unseen families"}),
        (
            "prediction, 101-200 residues, median",
            "prediction time",
            {"residues": "101-200", "percentile": 50},
        ),
        ("prediction, batched", "inference rate", {"batch": "batched"}),
        ("prediction/LSTM", "prediction time", {"stage": "LSTM"}),
    ],
)
def test_what_was_in_a_name_is_in_labels(old, now, labels):
    assert former_identity(old) == (now, labels)


def test_other_names_stay():
    assert former_identity("peak memory") is None
    assert former_identity("training, 22x22, batch 8, 2 ranks") is None
