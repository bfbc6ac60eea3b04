"""A bidirectional LSTM layer for padded batches of proteins of different lengths.

The backward direction starts at each protein's own last residue, so a protein gets the same answer alone or in a batch,
and padding neither costs time (on a CPU) nor shows in the answer.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from levinthal.errors import UsageError
from levinthal.kernels.choice import kernels_allowed
from levinthal.workloads.rgn.model.layer import FloatWeights, IntegerWeights, Layout, predict_layer, train_layer

InferencePrecision = Literal["fp32", "int16"]

_Directions = tuple[FloatWeights, FloatWeights] | tuple[IntegerWeights, IntegerWeights]


class BidirectionalLSTM(nn.Module):
    """One bidirectional LSTM layer.

    On a CPU, in float32 and float64, compiled kernels run it; elsewhere torch's own LSTM does (cuDNN on NVIDIA GPUs).

    Parameters
    ----------
    n_inputs : int
        Inputs a residue, D.
    n_hidden : int
        Units of a direction, H.
    initial_scale : float or None
        All weights start uniform in plus and minus this; null takes torch's 1 / sqrt(H).
    inference_precision : {"fp32", "int16"}
        How weights are kept where no gradient is asked for, on a CPU, in float32. With "int16" the weights, with a
        scale for each unit, and the activations, with a scale for each residue, are 16-bit integers that are multiplied
        exactly and summed in float32: about 1e-4 of the largest sum is lost, a tenth of what bfloat16 loses.
    forget_bias : float
        Where the biases of the forget gates start; all others start at 0.

    Attributes
    ----------
    recurrence : torch.nn.LSTM
        Holds the parameters: ``recurrence.load_state_dict`` takes those of an ``nn.LSTM(D, H, 1, bidirectional=True)``.
        Order of gates i, f, g, o.
    inference_precision : {"fp32", "int16"}
        May be set at any time.
    """

    def __init__(
        self,
        n_inputs: int,
        n_hidden: int,
        initial_scale: float | None = None,
        inference_precision: InferencePrecision = "fp32",
        forget_bias: float = 0.0,
    ) -> None:
        super().__init__()
        self.recurrence = nn.LSTM(n_inputs, n_hidden, 1, batch_first=True, bidirectional=True)
        self.inference_precision: InferencePrecision = inference_precision
        for name, parameter in self.recurrence.named_parameters():
            if name.startswith("bias"):
                nn.init.zeros_(parameter)
                if name.startswith("bias_ih"):
                    nn.init.constant_(parameter[n_hidden : 2 * n_hidden], forget_bias)
            elif initial_scale is not None:
                nn.init.uniform_(parameter, -initial_scale, initial_scale)
        self._packed: tuple[tuple[object, ...], _Directions] | None = None

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        """Read each protein both ways.

        Parameters
        ----------
        features : Tensor, shape (proteins, residues, n_inputs)
            What lies beyond a protein's length is not read.
        lengths : Tensor of int64, shape (proteins,)
            Residues of each protein, 1 or more.

        Returns
        -------
        Tensor, shape (proteins, residues, 2 n_hidden)
            h of the forward direction, then of the backward one; 0 beyond a protein's length.

        Raises
        ------
        UsageError
            When shapes or lengths do not fit.
        """
        where = lengths.detach().cpu()
        self._check(features, where)
        weights = self.recurrence.weight_hh_l0
        by_kernels = kernels_allowed() and weights.device.type == "cpu"
        if not by_kernels or weights.dtype not in {torch.float32, torch.float64}:
            packed = pack_padded_sequence(features, where, batch_first=True, enforce_sorted=False)
            hidden, _ = self.recurrence(packed)
            padded, _ = pad_packed_sequence(hidden, batch_first=True, total_length=features.shape[1])
            return padded
        return self._by_kernels(features.to(weights.dtype), where)

    def _by_kernels(self, features: Tensor, lengths: Tensor) -> Tensor:
        n_proteins, n_residues, n_inputs = features.shape
        layout = Layout.of(lengths.numpy().astype(np.int64))
        flat = features.reshape(-1, n_inputs)
        if n_proteins == 1 and int(lengths[0]) == n_residues:
            return self._run(flat, layout).unsqueeze(0)
        index = _rows_of(torch.from_numpy(layout.order), lengths, n_residues)
        hidden = self._run(flat.index_select(0, index), layout)
        padded = hidden.new_zeros(n_proteins * n_residues, hidden.shape[1]).index_copy(0, index, hidden)
        return padded.reshape(n_proteins, n_residues, -1)

    def _run(self, rows: Tensor, layout: Layout) -> Tensor:
        if torch.is_grad_enabled() and (
            rows.requires_grad or any(p.requires_grad for p in self.recurrence.parameters())
        ):
            self._packed = None  # an optimiser may write to the weights in ways that leave no trace
            return train_layer(rows, layout, self._directions())
        return predict_layer(rows.detach().contiguous(), layout, self._weights_to_predict())

    def _directions(self) -> list[tuple[Tensor, Tensor, Tensor]]:
        """Return (input weights, recurrent weights, sum of the biases) of the forward and the backward direction."""
        named = dict(self.recurrence.named_parameters())
        return [
            (
                named[f"weight_ih_l0{way}"],
                named[f"weight_hh_l0{way}"],
                named[f"bias_ih_l0{way}"] + named[f"bias_hh_l0{way}"],
            )
            for way in ("", "_reverse")
        ]

    def _weights_to_predict(self) -> _Directions:
        """Return the repacked weights, repacked again when they have changed."""
        parameters = list(self.recurrence.parameters())
        integers = self.inference_precision == "int16" and parameters[0].dtype == torch.float32
        state = (integers, *((p.data_ptr(), -1 if p.is_inference() else p._version) for p in parameters))
        if self._packed is None or self._packed[0] != state:
            with torch.no_grad():
                first, second = self._directions()
            packed: _Directions
            if integers:
                packed = IntegerWeights.of(*first), IntegerWeights.of(*second)
            else:
                packed = FloatWeights.of(*first), FloatWeights.of(*second)
            self._packed = state, packed
        return self._packed[1]

    def _check(self, features: Tensor, lengths: Tensor) -> None:
        n_inputs = self.recurrence.input_size
        if features.ndim != 3 or features.shape[2] != n_inputs:
            raise UsageError(
                f"features have shape {tuple(features.shape)}: give (proteins, residues, {n_inputs}) to this layer"
            )
        if lengths.shape != features.shape[:1] or lengths.numel() == 0:
            raise UsageError(
                f"lengths have shape {tuple(lengths.shape)}, features {tuple(features.shape)}: give one a protein"
            )
        if int(lengths.min()) < 1 or int(lengths.max()) > features.shape[1]:
            raise UsageError(
                f"lengths from {int(lengths.min())} to {int(lengths.max())} for {features.shape[1]} padded residues: "
                f"give each protein 1 to {features.shape[1]}"
            )


def _rows_of(order: Tensor, lengths: Tensor, n_residues: int) -> Tensor:
    """Return which rows of the flattened padded batch are residues, protein after protein in `order`."""
    ordered = lengths[order]
    starts = torch.repeat_interleave(order * n_residues - (torch.cumsum(ordered, 0) - ordered), ordered)
    return starts + torch.arange(len(starts))
