"""The workload on other frames and models: files of maps, a large made-up protein, the time-lagged model."""

from __future__ import annotations

import numpy as np
import pytest

from levinthal.errors import UsageError
from levinthal.harness.contract.settings import make_settings
from levinthal.harness.results.store import load_result
from levinthal.proteins.contact_maps.hdf5 import write_contact_maps_hdf5
from levinthal.proteins.contact_maps.hdf5_reading import read_contact_maps_hdf5
from levinthal.proteins.contact_maps.maps import pack_maps
from levinthal.proteins.contact_maps.tfrecord import write_contact_maps_tfrecord
from levinthal.workloads.cvae.data.features import sample_pairs
from levinthal.workloads.cvae.settings import CVAESettings

N, FRAMES = 14, 300


@pytest.fixture(scope="module")
def packed() -> np.ndarray:
    """Return maps that switch between two states, a state lasting some 20 frames, with noise."""
    rng = np.random.default_rng(0)
    i, j = np.indices((N, N))
    states = np.cumsum(rng.random(FRAMES) < 0.05) % 2
    one, other = abs(i - j) <= 4, (abs(i - j) <= 1) | (abs(i + j - N + 1) <= 1)
    return pack_maps(np.where(states[:, None, None] == 1, one, other) ^ (rng.random((FRAMES, N, N)) < 0.02))


def values(folder) -> dict[str, float | None]:
    (repeat,) = load_result(folder).repeats
    assert repeat.error is None, repeat.error
    return {str(metric): metric.value for metric in repeat.metrics}


def run(levinthal, out, *assignments):
    common = ("filters=4", "epochs=80", "batch_size=16", "deterministic=true", "lag=5")
    settings = [part for each in (*common, *assignments) for part in ("--set", each)]
    return levinthal("run", "cvae", "--out", out, "--seed", "3", *settings)


@pytest.mark.slow
def test_maps_from_either_format_are_the_same_data_and_give_the_same_result(levinthal, tmp_path, packed):
    h5py = pytest.importorskip("h5py")
    write_contact_maps_hdf5(tmp_path / "a.h5", packed, N)
    with h5py.File(tmp_path / "a.h5", "a") as file:
        file["rmsd"] = np.unpackbits(packed, axis=1).sum(axis=1).astype("f2")
    write_contact_maps_tfrecord(tmp_path / "a.tfrecord", packed, N)
    for name in ("a.h5", "a.tfrecord"):
        done = run(levinthal, name[2:], f"maps={tmp_path / name}")
        assert done.returncode == 0, done.stderr + done.stdout
    h5, tfrecord = (load_result(tmp_path / name) for name in ("h5", "tfrecord"))
    assert h5.dataset.sha256 == tfrecord.dataset.sha256 == read_contact_maps_hdf5(tmp_path / "a.h5").sha256()
    assert (h5.dataset.name, h5.dataset.synthetic) == ("a.h5", False)
    found, again = values(tmp_path / "h5"), values(tmp_path / "tfrecord")
    assert found["held-out loss"] == again["held-out loss"]
    assert found["correlation with a property (method CVAE, property rmsd)"] == pytest.approx(
        found["correlation with a property (method CVAE, property number of contacts)"]
    )
    assert (
        found["correlation with a property (method CVAE, property number of contacts)"]
        == again["correlation with a property (method CVAE, property number of contacts)"]
    )
    assert found["macrostate agreement (method CVAE)"] is None  # there are no coordinates
    assert found["VAMP-2 (method CVAE)"] > 1
    assert 0 <= found["data loading"] < 1


@pytest.mark.slow
def test_maps_of_ones_own_are_trained_on_until_the_held_out_loss_falls_no_further(levinthal, tmp_path, packed):
    write_contact_maps_tfrecord(tmp_path / "a.tfrecord", packed, N)
    settings = ("maps=a.tfrecord", "filters=4", "batch_size=32", "lag=5", "deterministic=true")
    done = levinthal("run", "cvae", "--out", "r", *(part for each in settings for part in ("--set", each)))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "    estimate: training ends after " in done.stderr
    (repeat,) = load_result(tmp_path / "r").repeats
    assert "at the latest after" in repeat.estimates[0].sentence
    assert any(note.startswith("Training ended after") for note in repeat.notes)
    assert {(gate.kind, gate.passed) for gate in repeat.gates} == {("benchmark", True), ("sanity", True)}
    assert sum(gate.kind == "sanity" for gate in repeat.gates) == 2  # against the mean map, and halves that are apart
    (trained,) = (len(curve.y) for curve in repeat.curves if curve.labels == {"split": "validation"})
    assert 20 < trained < 1_000
    assert "no rule is broken" in levinthal("check", "r").stdout


@pytest.mark.slow
def test_the_time_lagged_model_predicts_frames_to_come(levinthal, tmp_path, packed):
    write_contact_maps_tfrecord(tmp_path / "a.tfrecord", packed, N)
    done = run(levinthal, "r", f"maps={tmp_path / 'a.tfrecord'}", "encoder=time-lagged", "margin=0")
    assert done.returncode in (0, 1), done.stderr
    found = values(tmp_path / "r")
    assert found["VAMP-2 (method time-lagged VAE)"] > 1.2
    assert "VAMP-2 (method CVAE)" not in found
    # the state is kept over the lag more often than not, the noise is not
    assert (
        found["held-out bits per contact (method time-lagged VAE)"]
        < found["held-out bits per contact (method mean map)"]
    )


@pytest.mark.slow
def test_a_large_made_up_protein_is_trained_on_in_strips(levinthal, tmp_path):
    done = levinthal(
        "run", "cvae", "--out", "r", "--set", "residues=256", "--set", "steps=200", "--set", "frame_interval=4",
        "--set", "equilibration_steps=0", "--set", "replicas=2", "--set", "filters=4", "--set", "epochs=1",
        "--set", "batch_size=8", "--set", "memory=strips", "--set", "lag=2", "--set", "margin=0",
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stderr
    (repeat,) = load_result(tmp_path / "r").repeats
    assert repeat.error is None
    assert repeat.dataset.name == "repeat-protein-256"
    assert repeat.dataset.synthetic
    notes = " ".join(repeat.notes)
    assert "strips of 128 rows" in notes
    assert "2,000 pairs drawn from the 32,640" in notes
    reasons = {str(metric): metric.reason for metric in repeat.metrics}
    assert reasons["simulation rate"] is not None


def test_a_sample_of_pairs_is_what_the_maps_say():
    rng = np.random.default_rng(1)
    maps = rng.random((7, 130, 130)) < 0.2
    sample = sample_pairs(pack_maps(maps), 130, seed=2)
    assert len(sample.first) == 2_000
    assert (sample.first < sample.second).all()
    np.testing.assert_array_equal(sample.contacts, maps[:, sample.first, sample.second])
    small = sample_pairs(pack_maps(maps[:, :9, :9]), 9, seed=2)
    assert len(small.first) == 36
    np.testing.assert_array_equal(small.contacts, maps[:, small.first, small.second])


@pytest.mark.parametrize(("assignment", "says"), [("maps=none.h5", "none.h5"), ("residues=3", "residues=3")])
def test_mistakes_are_one_line(levinthal, tmp_path, assignment, says):
    done = levinthal("run", "cvae", "--out", "r", "--set", assignment)
    assert done.returncode == 2, done.stderr
    assert says in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"residues": "30", "maps": "x.h5"}, "two sources of frames"),
        ({"batch_size": "most"}, "batch_size"),
        ({"batch_size": "0"}, "batch_size"),
        ({"encoder": "transformer"}, "encoder"),
        ({"memory": "all"}, "memory"),
    ],
)
def test_settings_that_make_no_sense(values, says):
    with pytest.raises(UsageError, match=says):
        make_settings(CVAESettings, "tiny", values)
    assert make_settings(CVAESettings, "tiny", {"batch_size": "auto"}).batch_size == "auto"


def test_what_is_simulated_decides_how_long_and_what_it_is_held_against():
    def made(size="tiny", **values):
        return make_settings(CVAESettings, size, values)

    hairpin, peptide, own = made(), made(system="fs-peptide"), made(system="mine.pdb")
    assert hairpin.is_go_model
    assert hairpin.is_two_state
    assert peptide.steps < 0.05 * hairpin.steps  # of an all-atom step, which costs so much more
    assert (peptide.is_own, peptide.is_go_model, peptide.margin) == (False, False, 0.05)
    assert (own.is_own, own.simulates_own, own.margin) == (True, True, 0.02)
    assert made(maps="x.h5").margin == 0.02
    assert not made(maps="x.h5").decays  # nobody knows how long it will be trained
    assert made(residues="106").is_go_model
    assert (made(size="paper").system, made(size="paper").latent) == ("fs-peptide", 3)
    assert (made(maps="x.h5").latent, made(maps="x.h5", latent="5").latent, made(maps="x.h5").beta) == (3, 5, 1.0)
    assert made(system="three-helix-bundle").is_two_state
    assert made(steps="177", system="fs-peptide").steps == 177
    with pytest.raises(UsageError, match="residues"):
        made(residues="many")


def test_batch_sizes_are_numbers_or_auto():
    assert make_settings(CVAESettings, "tiny", {"batch_size": "32"}).batch_size == 32
