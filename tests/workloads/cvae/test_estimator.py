"""The estimator, as a scikit-learn user would call it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from levinthal.errors import DataError
from levinthal.sampling import CVAE

SMALL = {
    "filters": (16, 16),
    "kernels": (3, 3),
    "strides": (1, 2),
    "dense": 16,
    "latent": 2,
    "epochs": 2,
    "precision": "fp32",
}


@pytest.fixture(scope="module")
def fitted(two_states: tuple[np.ndarray, np.ndarray]) -> CVAE:
    return CVAE(**SMALL, batch_size=50).fit(two_states[0][:200], validation=two_states[0][500:])


def test_fit_transform_inverse_score(fitted: CVAE, two_states: tuple[np.ndarray, np.ndarray]) -> None:
    maps = two_states[0][:30]
    latent = fitted.transform(maps)
    assert latent.shape == (30, 2)
    probabilities = fitted.inverse_transform(latent)
    assert probabilities.shape == maps.shape
    assert probabilities.min() >= 0
    assert probabilities.max() <= 1
    assert fitted.score(maps) < 0
    assert fitted.history_.epochs[-1].validation is not None
    assert fitted.n_features_in_ == 169


def test_packed_maps_give_the_same(fitted: CVAE, two_states: tuple[np.ndarray, np.ndarray]) -> None:
    maps = two_states[0][:30]
    rows, columns = np.triu_indices(13, 1)
    packed = np.packbits(maps[:, rows, columns] > 0, axis=1, bitorder="little")
    estimator = clone(fitted).set_params(n_residues=13)
    estimator.model_ = fitted.model_
    np.testing.assert_allclose(estimator.transform(packed), fitted.transform(maps), atol=1e-6)


def test_saved_and_loaded(fitted: CVAE, two_states: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    fitted.save(path)
    loaded = CVAE.load(path)
    assert loaded.get_params() == fitted.get_params()
    np.testing.assert_array_equal(loaded.transform(two_states[0][:9]), fitted.transform(two_states[0][:9]))
    assert [p.name for p in tmp_path.iterdir()] == ["model.safetensors"]


def test_parameters_are_scikit_learn_s(fitted: CVAE) -> None:
    fresh = clone(fitted).set_params(latent=5)
    assert fresh.latent == 5
    assert not hasattr(fresh, "model_")
    for call in (lambda: fresh.transform(np.zeros((1, 13, 13))), lambda: fresh.save("nowhere")):
        with pytest.raises(NotFittedError, match="call fit"):
            call()


def test_files_that_are_no_model(fitted: CVAE, tmp_path: Path) -> None:
    garbage = tmp_path / "garbage"
    garbage.write_bytes(b"\x80\x04K\x01.")
    foreign = tmp_path / "foreign"
    save_file({"x": np.zeros(2)}, foreign)
    whole = tmp_path / "whole"
    fitted.save(whole)
    cut = tmp_path / "cut"
    cut.write_bytes(whole.read_bytes()[:-100])
    renamed = tmp_path / "renamed"
    save_file(
        {"x": np.zeros(2)}, renamed, {"format": "levinthal.cvae/1", "architecture": '{"size": 13}', "parameters": "{}"}
    )
    for path in (garbage, foreign, cut, renamed, tmp_path / "missing"):
        with pytest.raises(DataError) as error:
            CVAE.load(path)
        assert path.name in str(error.value)
    with pytest.raises(DataError, match="cannot write"):
        fitted.save(tmp_path / "no" / "such" / "folder")
