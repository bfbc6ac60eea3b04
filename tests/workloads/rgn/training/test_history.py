"""What follows from the validations of a training: the original's milestone is the least weighted loss so far."""

from __future__ import annotations

from levinthal.workloads.rgn.training.history import History, Validation


def test_the_target_is_of_the_loss_weighted_by_residues_and_the_least_so_far_counts():
    rows = [(1000, 1.30, 1.40), (2000, 0.90, 1.20), (3000, 1.00, 0.95), (4000, 0.80, 1.10)]
    validations = tuple(
        Validation(step, elapsed_s=step / 100, duration_s=0.1, drmsd_nm=mean, loss_nm=weighted)
        for step, mean, weighted in rows
    )
    history = History((), validations, "fp32", 40.0, "steps")
    assert history.time_to_s(1.0) == 30.0  # the unweighted mean was there at 20 s
    assert history.time_to_s(0.9) is None
    assert [history.least_loss_nm(step) for step in (500, 1000, 2500, 4000)] == [None, 1.40, 1.20, 0.95]
    assert history.least_loss_nm() == 0.95
