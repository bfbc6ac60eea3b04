"""The CVAE for library users, in scikit-learn's manner: fit, transform, inverse_transform, score, save, load."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.exceptions import NotFittedError

from levinthal.arrays import Singles
from levinthal.errors import DataError, LevinthalError
from levinthal.files.reading import refused
from levinthal.files.writing import whole_path
from levinthal.workloads.cvae.data.maps import MapSource, as_source
from levinthal.workloads.cvae.inference import decode, encode, evaluate
from levinthal.workloads.cvae.model.config import CVAEConfig
from levinthal.workloads.cvae.model.network import CVAEModel
from levinthal.workloads.cvae.model.optimiser import OptimizerSettings
from levinthal.workloads.cvae.training.history import History
from levinthal.workloads.cvae.training.loop import train
from levinthal.workloads.cvae.training.settings import TrainingSettings

_FORMAT = "levinthal.cvae/1"
Contacts = MapSource | npt.NDArray[Any]


class CVAE(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Convolutional variational autoencoder of contact maps.

    Parameters
    ----------
    latent : int
        Dimensions of the latent space.
    filters, kernels, strides : tuple of int
        Of each convolution.
    dense : int
        Width of the dense layer.
    dropout, beta : float
    recurrent : bool
        See `CVAEConfig`.
    size : int, optional
        Rows and columns the maps are padded to; by default those of the maps.
    n_residues : int, optional
        Needed where maps are given as packed bits.
    epochs, batch_size : int
        Length of training and frames a step.
    learning_rate : float
    clip_norm : float, optional
        Largest norm of the gradient.
    device, precision, deterministic
        See `training.settings.TrainingSettings`.
    seed : int
        Of the weights, the order of frames and the noise.

    Attributes
    ----------
    model_ : CVAEModel
        The trained model.
    history_ : History
        Losses by epoch; not kept by `save`.
    n_features_in_ : int
        Elements of a map.

    Examples
    --------
    >>> import numpy as np
    >>> from levinthal.proteins import pack_contacts
    >>> from levinthal.sampling import CVAE
    >>> packed = pack_contacts(np.random.default_rng(0).normal(size=(64, 12, 3)))
    >>> model = CVAE(latent=2, filters=(4, 4, 4, 4), dense=8, n_residues=12, epochs=1)
    >>> latent = model.fit_transform(packed)
    >>> latent.shape
    (64, 2)
    >>> model.save("model.safetensors")
    >>> bool(np.allclose(CVAE.load("model.safetensors").transform(packed), latent))
    True
    """

    def __init__(
        self,
        latent: int = 3,
        *,
        filters: tuple[int, ...] = (64, 64, 64, 64),
        kernels: tuple[int, ...] = (3, 3, 3, 3),
        strides: tuple[int, ...] = (1, 2, 1, 1),
        dense: int = 128,
        dropout: float = 0.0,
        beta: float = 1.0,
        recurrent: bool = False,
        size: int | None = None,
        n_residues: int | None = None,
        epochs: int = 20,
        batch_size: int = 256,
        learning_rate: float = 1e-3,
        clip_norm: float | None = None,
        device: str = "cpu",
        precision: str = "auto",
        deterministic: bool = False,
        seed: int = 0,
    ) -> None:
        self.latent = latent
        self.filters = filters
        self.kernels = kernels
        self.strides = strides
        self.dense = dense
        self.dropout = dropout
        self.beta = beta
        self.recurrent = recurrent
        self.size = size
        self.n_residues = n_residues
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.clip_norm = clip_norm
        self.device = device
        self.precision = precision
        self.deterministic = deterministic
        self.seed = seed

    def fit(self, X: Contacts, y: None = None, *, validation: Contacts | None = None) -> CVAE:
        """Train a new model.

        Parameters
        ----------
        X : MapSource or ndarray
            Maps (frames, n, n), or packed maps (frames, bytes) of `n_residues`.
        y : None
            Ignored, as scikit-learn wants it.
        validation : MapSource or ndarray, optional
            Frames to evaluate on after each epoch; take them from other blocks than X (`data.split.split_by_block`).
        """
        source = self._source(X)
        config = CVAEConfig(
            source.size,
            self.filters,
            self.kernels,
            self.strides,
            self.dense,
            self.latent,
            self.dropout,
            self.beta,
            self.recurrent,
        )
        model = CVAEModel(config, seed=self.seed)
        self.history_: History = train(
            model,
            source,
            TrainingSettings(
                epochs=self.epochs,
                batch_size=self.batch_size,
                optimizer=OptimizerSettings(self.learning_rate, clip_norm=self.clip_norm),
                seed=self.seed,
                precision=self.precision,
                deterministic=self.deterministic,
            ),
            validation=None if validation is None else self._source(validation),
            device=self.device,
        )
        self.model_ = model
        self.n_features_in_ = source.size**2
        return self

    def transform(self, X: Contacts) -> Singles:
        """Return the posterior means (frames, latent)."""
        model = self._fitted()
        return encode(model, self._source(X, model.config.size), batch_size=self.batch_size)[0]

    def inverse_transform(self, X: npt.ArrayLike) -> Singles:
        """Return probabilities of contact (points, size, size) of latent points (points, latent)."""
        logits = decode(self._fitted(), X, batch_size=self.batch_size)
        return torch.sigmoid(torch.from_numpy(logits)).numpy()

    def score(self, X: Contacts, y: None = None) -> float:
        """Return the mean evidence lower bound a frame, in nats; higher is better."""
        model = self._fitted()
        return -evaluate(model, self._source(X, model.config.size), batch_size=self.batch_size).total

    def save(self, path: str | Path) -> None:
        """Write weights, architecture and parameters to one safetensors file; it holds no code.

        Raises
        ------
        WriteError
            The file cannot be written.
        """
        model = self._fitted()
        state = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
        metadata = {
            "format": _FORMAT,
            "architecture": json.dumps(model.config.to_dict()),
            "parameters": json.dumps(self.get_params(deep=False)),
        }
        with whole_path(path, SafetensorError) as draft:
            save_file(state, draft, metadata)

    @classmethod
    def load(cls, path: str | Path, *, device: str = "cpu") -> CVAE:
        """Read what `save` wrote, or a run left as `model.safetensors`.

        Raises
        ------
        DataError
            The file is missing, damaged, or not a CVAE of this format.
        """
        damaged = (DataError, f"model {path}", "is damaged", "fit and save it again")
        with refused(*damaged), safe_open(path, framework="pt", device="cpu") as file:
            metadata = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        if metadata.get("format") != _FORMAT:
            raise DataError(f"model {path} is of format {metadata.get('format')!r}, expected {_FORMAT!r}")
        with refused(*damaged):
            parameters = json.loads(metadata["parameters"])
            for name in ("filters", "kernels", "strides"):
                parameters[name] = tuple(parameters[name])
            estimator = cls(**{**parameters, "device": device})
            config = CVAEConfig.from_dict(json.loads(metadata["architecture"]))
            # before anything of the size is made that a damaged header asks for
            if config.n_parameters != sum(tensor.numel() for tensor in state.values()):
                raise ValueError("its weights are not those of its architecture")
            model = CVAEModel(config)
            model.load_state_dict(state)
        estimator.model_ = model.to(device).eval()
        estimator.n_features_in_ = model.config.size**2
        return estimator

    @classmethod
    def of_model(cls, model: CVAEModel, *, n_residues: int, **parameters: Any) -> CVAE:
        """Return a trained model as an estimator; its architecture is the model's, other parameters as given."""
        config = model.config
        estimator = cls(
            config.latent,
            filters=config.filters,
            kernels=config.kernels,
            strides=config.strides,
            dense=config.dense,
            dropout=config.dropout,
            beta=config.beta,
            recurrent=config.recurrent,
            size=config.size,
            n_residues=n_residues,
            **parameters,
        )
        estimator.model_ = model
        estimator.n_features_in_ = config.size**2
        return estimator

    def _fitted(self) -> CVAEModel:
        if not hasattr(self, "model_"):
            raise _NotTrainedError("this CVAE is not trained yet: call fit first, or load a saved one")
        model: CVAEModel = self.model_
        return model

    def _source(self, data: Contacts, size: int | None = None) -> MapSource:
        return as_source(data if not isinstance(data, list) else np.asarray(data), size or self.size, self.n_residues)


class _NotTrainedError(LevinthalError, NotFittedError):  # type: ignore[misc]
    """Both kinds of error: one line for users of Levinthal, the class scikit-learn expects."""
