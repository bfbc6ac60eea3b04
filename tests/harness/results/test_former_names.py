"""Names of version 1 of the result become names and labels."""

import pytest

from levinthal.harness.results.former_names import former_identity


@pytest.mark.parametrize(
    ("workload", "old", "now", "labels"),
    [
        ("cvae", "training", "training rate", {}),
        ("cvae", "training arithmetic", "arithmetic rate", {"phase": "training"}),
        ("rgn", "prediction arithmetic", "arithmetic rate", {"phase": "inference"}),
        (
            "cvae",
            "share of the measured peak",
            "share of the measured peak",
            {"phase": "training", "flops": "direct algorithm"},
        ),
        (
            "rgn",
            "prediction, share of the measured peak",
            "share of the measured peak",
            {"phase": "inference", "flops": "executed"},
        ),
        ("cvae", "time to target loss", "time to target", {}),
        ("cvae", "held-out bits per contact", "held-out bits per contact", {"predictor": "CVAE"}),
        ("cvae", "held-out bits per contact (mean map)", "held-out bits per contact", {"predictor": "mean map"}),
        ("cvae", "VAMP-2 (tICA)", "VAMP-2", {"space": "tICA"}),
        (
            "cvae",
            "correlation with RMSD to native (PCA)",
            "correlation with a property",
            {"property": "RMSD to native", "space": "PCA"},
        ),
        ("rgn", "training step, 90th percentile", "training step", {"percentile": 90}),
        ("rgn", "held-out dRMSD", "mean dRMSD", {"split": "held out", "predictor": "network"}),
        ("rgn", "held-out dRMSD (ideal helix)", "mean dRMSD", {"split": "held out", "predictor": "ideal helix"}),
        ("rgn", "training set dRMSD (A)", "mean dRMSD in A", {"split": "training set"}),
        ("rgn", "TM-score (held-out, median of 30)", "median TM-score", {"split": "held out", "class": "all"}),
        ("rgn", "dRMSD (unseen families, median of 30)", "median dRMSD", {"split": "test", "class": "unseen families"}),
        (
            "rgn",
            "prediction, 101-200 residues, median",
            "prediction time",
            {"residues": "101-200", "percentile": 50},
        ),
        ("rgn", "prediction, batched", "inference rate", {"batch": "batched"}),
        ("rgn", "prediction/LSTM", "prediction time", {"stage": "LSTM"}),
        ("sampling", "cells seen, least-counts", "cells seen", {"policy": "least-counts"}),
        (
            "sampling",
            "faster, dbscan / plain",
            "faster",
            {"policy": "dbscan", "baseline": "plain", "cost": "core-second"},
        ),
        (
            "sampling",
            "quasi-harmonic entropy, lof",
            "configurational entropy",
            {"policy": "lof", "estimate": "quasi-harmonic"},
        ),
        ("sampling", "core-seconds/random/wait", "core-seconds spent", {"policy": "random", "share": "wait"}),
        ("sampling", "curve/cells seen/plain", "cells seen", {"policy": "plain"}),
        ("sampling", "VAMP-2 of the latent space at 10 frames", "VAMP-2 of the latent space", {"lag": 10}),
        ("docking", "docking time (Vina, default)", "docking time", {"search": "Vina, default"}),
        ("docking", "success at 2 A (CMA-ES)", "success", {"search": "CMA-ES", "within_angstrom": 2}),
        ("docking", "curve/policy training/best known", "energy of the pose", {"pose": "best known"}),
        ("one of a plug-in", "curve/loss/train", "loss", {"series": "train"}),
    ],
)
def test_what_was_in_a_name_is_in_labels(workload, old, now, labels):
    assert former_identity(old, workload) == (now, labels)


def test_other_names_stay():
    assert former_identity("peak memory", "cvae") is None
    assert former_identity("training, 22x22, batch 8, 2 ranks", "cvae") is None
    assert former_identity("training", "one of a plug-in") is None
