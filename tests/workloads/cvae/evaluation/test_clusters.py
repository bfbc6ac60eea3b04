"""Clusters: numbered by population, each with its true medoid and the figures of its members."""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import cdist

from levinthal.workloads.cvae.evaluation.answer import ca_structure
from levinthal.workloads.cvae.evaluation.clusters import by_population, describe_clusters, medoid


def test_the_most_populated_is_the_first_and_of_equals_the_earlier() -> None:
    assert by_population(np.array([7, 2, 2, 5, 5, 2, 7])).tolist() == [2, 1, 1, 3, 3, 1, 2]


def test_the_medoid_is_the_one_with_the_least_mean_distance() -> None:
    points = np.random.default_rng(0).normal(size=(300, 3))
    assert medoid(points, seed=1) == int(cdist(points, points).sum(axis=0).argmin())


def test_a_medoid_of_many_is_near_the_true_one() -> None:
    points = np.random.default_rng(0).normal(size=(30_000, 2))
    assert np.linalg.norm(points[medoid(points, seed=1)] - np.median(points, axis=0)) < 0.1


def test_what_is_said_of_a_cluster_is_of_its_members() -> None:
    rng = np.random.default_rng(2)
    numbers = by_population(rng.integers(0, 3, 90))
    points, values = rng.normal(size=(90, 2)), rng.random(90)
    clusters = describe_clusters(points, numbers, {"Q": values}, seed=0)
    assert [cluster.number for cluster in clusters] == [1, 2, 3]
    assert sum(cluster.n_frames for cluster in clusters) == 90
    for cluster in clusters:
        members = numbers == cluster.number
        assert members[cluster.medoid]
        assert cluster.population == members.mean()
        assert cluster.properties["Q"] == (values[members].mean(), values[members].std())


def test_structures_keep_chains_names_and_numbers_and_take_any_place() -> None:
    records = [
        "ATOM      1  CA  ALA A  -3       0.000   0.000   0.000  1.00  0.00           C  ",
        "HETATM    2  CA  MSE B  10A      0.000   0.000   0.000  1.00  0.00           C  ",
    ]
    lines = ca_structure(records, np.array([[500.0, 0.0, 0.0], [500.8, 0.0, 0.0]])).splitlines()
    assert lines[0][:54] == "ATOM      1  CA  ALA A  -3      -4.000   0.000   0.000"
    assert lines[1] == "TER"
    assert lines[2][:54] == "HETATM    2  CA  MSE B  10A      4.000   0.000   0.000"
    assert lines[-1] == "END"
