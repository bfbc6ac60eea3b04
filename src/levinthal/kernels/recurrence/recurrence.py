"""One direction of an LSTM layer over some sequences, from the first step to the last in one compiled call.

Sequences lie one after the other in arrays of rows: residue t of sequence b is row ``starts[b] + t``. They come in
descending order of length, so that those still running are the first ones; each direction counts steps from its own
first residue, so that both shrink alike.
"""

from __future__ import annotations

import numpy as np

from levinthal.kernels.compiled import compiled
from levinthal.kernels.products import PANEL, multiply_integers, multiply_panels, quantise_row
from levinthal.kernels.recurrence.gates import cell_backward, cell_forward


@compiled()
def project(first, last, rows, weights, target):  # type: ignore[no-untyped-def]
    """Write rows (R, D) times the panels first ... last - 1 of weights (panels, D, 16) to target (R, 16 panels)."""
    n_inner, width = rows.shape[1], target.shape[1]
    multiply_panels(len(rows), first, last, n_inner, rows.reshape(-1), n_inner, weights, target.reshape(-1), width)


@compiled()
def project_integers(first, last, rows, units, values, scales, target):  # type: ignore[no-untyped-def]
    """Do as `project` with 16-bit integers."""
    n_inner, width = rows.shape[1], target.shape[1]
    multiply_integers(
        len(rows), first, last, n_inner, rows.reshape(-1), n_inner, units, values, scales, target.reshape(-1), width
    )


@compiled()
def quantise(rows, target, units):  # type: ignore[no-untyped-def]
    """Round float32 rows (R, D) to integers target (R, >= D) with the scales units (R,)."""
    for row in range(len(rows)):
        units[row] = quantise_row(rows[row], target[row])


@compiled(inline=True)
def _row(start, length, step, reverse):  # type: ignore[no-untyped-def]
    return start + length - 1 - step if reverse else start + step


@compiled()
def forward(weights, bias, gates, cells, previous, hidden, column, starts, lengths, reverse):  # type: ignore[no-untyped-def]
    """Run a direction and keep what `backward` needs.

    Parameters
    ----------
    weights : 1-D array
        The recurrent weights (H, 4 H) as panels (ceil(4 H / 16), H, 16).
    bias : array (4 H,)
        Of the sums.
    gates : array (rows, >= 4 H)
        In: projected inputs. Out: i, f, g, o.
    cells, previous : arrays (rows, H)
        c, and the h that the step started from; both are written.
    hidden : array (rows, >= column + H)
        h, which is written from `column` on.
    starts, lengths : int64 arrays (sequences,)
        Where each begins, and its residues, in descending order.
    reverse : bool
        Whether to run from each sequence's own last residue to its first.
    """
    n_hidden = cells.shape[1]
    n_sums = 4 * n_hidden
    n_panels = weights.size // (n_hidden * PANEL)
    active = len(lengths)
    sums = np.zeros((active, n_panels * PANEL), weights.dtype)
    state = np.zeros((active, n_hidden), weights.dtype)
    start_cell = np.zeros(n_hidden, weights.dtype)
    for step in range(lengths[0]):
        while lengths[active - 1] <= step:
            active -= 1
        if step > 0:
            project(0, n_panels, state[:active], weights, sums)
        for b in range(active):
            row = _row(starts[b], lengths[b], step, reverse)
            previous[row] = state[b]
            before = start_cell if step == 0 else cells[_row(starts[b], lengths[b], step - 1, reverse)]
            cell_forward(sums[b], bias, gates[row, :n_sums], before, cells[row], state[b])
            hidden[row, column : column + n_hidden] = state[b]


@compiled()
def backward(weights, gates, cells, d_hidden, column, d_sums, starts, lengths, reverse):  # type: ignore[no-untyped-def]
    """Take gradients back through a direction.

    Parameters
    ----------
    weights : 1-D array
        The recurrent weights (4 H, H) as panels (ceil(H / 16), 4 H, 16).
    gates, cells, starts, lengths, reverse
        As `forward` left them.
    d_hidden : array (rows, >= column + H)
        Gradient of h, from `column` on.
    d_sums : array (rows, 4 H)
        Gradient of the sums, which is written.
    """
    n_hidden = cells.shape[1]
    n_sums = 4 * n_hidden
    n_panels = weights.size // (n_sums * PANEL)
    count = len(lengths)
    d_state = np.zeros((count, n_panels * PANEL), weights.dtype)
    d_cell = np.zeros((count, n_hidden), weights.dtype)
    d_step = np.empty((count, n_sums), weights.dtype)
    d_total = np.empty(n_hidden, weights.dtype)
    work = np.empty(n_hidden, weights.dtype)
    start_cell = np.zeros(n_hidden, weights.dtype)
    active = 0
    for step in range(lengths[0] - 1, -1, -1):
        while active < count and lengths[active] > step:
            active += 1
        for b in range(active):
            row = _row(starts[b], lengths[b], step, reverse)
            outside = d_hidden[row, column : column + n_hidden]
            for j in range(n_hidden):
                d_total[j] = outside[j] + d_state[b, j]
            before = start_cell if step == 0 else cells[_row(starts[b], lengths[b], step - 1, reverse)]
            cell_backward(gates[row, :n_sums], before, cells[row], d_total, d_cell[b], d_step[b], work)
            d_sums[row] = d_step[b]
        if step > 0:
            project(0, n_panels, d_step[:active], weights, d_state)


@compiled()
def predict(weights, bias, gates, hidden, column, starts, lengths, reverse):  # type: ignore[no-untyped-def]
    """Do as `forward` without keeping the cells; `gates` is written over."""
    n_hidden = bias.size // 4
    n_panels = weights.size // (n_hidden * PANEL)
    active = len(lengths)
    sums = np.zeros((active, n_panels * PANEL), weights.dtype)
    state = np.zeros((active, n_hidden), weights.dtype)
    cells = np.zeros((active, n_hidden), weights.dtype)
    for step in range(lengths[0]):
        while lengths[active - 1] <= step:
            active -= 1
        if step > 0:
            project(0, n_panels, state[:active], weights, sums)
        for b in range(active):
            row = _row(starts[b], lengths[b], step, reverse)
            cell_forward(sums[b], bias, gates[row, : 4 * n_hidden], cells[b], cells[b], state[b])
            hidden[row, column : column + n_hidden] = state[b]


@compiled()
def predict_integers(values, scales, n_inner, bias, gates, hidden, column, starts, lengths, reverse):  # type: ignore[no-untyped-def]
    """Do as `predict` with weights of 16 bits.

    Parameters
    ----------
    values, scales, n_inner
        An `IntegerMatrix` of the recurrent weights (H, 4 H), and its k.
    bias, gates, hidden, column, starts, lengths, reverse
        As in `predict`, float32.
    """
    n_hidden = bias.size // 4
    n_panels = scales.size // PANEL
    active = len(lengths)
    sums = np.zeros((active, n_panels * PANEL), np.float32)
    state = np.zeros(n_hidden, np.float32)
    rounded = np.zeros((active, n_inner), np.int16)
    units = np.zeros(active, np.float32)
    cells = np.zeros((active, n_hidden), np.float32)
    for step in range(lengths[0]):
        while lengths[active - 1] <= step:
            active -= 1
        if step > 0:
            project_integers(0, n_panels, rounded[:active], units, values, scales, sums)
        for b in range(active):
            row = _row(starts[b], lengths[b], step, reverse)
            cell_forward(sums[b], bias, gates[row, : 4 * n_hidden], cells[b], cells[b], state)
            hidden[row, column : column + n_hidden] = state
            units[b] = quantise_row(state, rounded[b])
