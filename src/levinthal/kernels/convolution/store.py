"""What happens to a line of finished sums on its way to memory: bias, ReLU, or the backward pass of a ReLU."""

from __future__ import annotations

from levinthal.kernels.compiled import compiled


@compiled()
def store_biased(line, bias, relu, target):  # type: ignore[no-untyped-def]
    """Write line + bias (or line, where bias is empty) to target, after ReLU where `relu`; (positions * channels,)."""
    channels = bias.size
    if channels == 0:
        for k in range(line.size):
            target[k] = line[k]
        return
    zero = line.dtype.type(0)
    for start in range(0, line.size, channels):
        source, goal = line[start : start + channels], target[start : start + channels]
        if relu:
            for c in range(channels):
                value = source[c] + bias[c]
                goal[c] = value if value > zero else zero
        else:
            for c in range(channels):
                goal[c] = source[c] + bias[c]


@compiled()
def store_gated(line, gate, target, sums):  # type: ignore[no-untyped-def]
    """Write line where gate is positive, else zero, to target, and add it up by channel in sums (channels,)."""
    channels = sums.size
    zero = line.dtype.type(0)
    for start in range(0, line.size, channels):
        source, goal = line[start : start + channels], target[start : start + channels]
        allowed = gate[start : start + channels]
        for c in range(channels):
            value = source[c] if allowed[c] > zero else zero
            goal[c] = value
            sums[c] += value


@compiled()
def add_and_rectify(values, bias, row, last_row, column, last_column):  # type: ignore[no-untyped-def]
    """Replace values (rows, columns) by relu(values + bias) in place, within the rows and columns given."""
    zero = values.dtype.type(0)
    shift = bias[column:last_column]
    for r in range(row, last_row):
        line = values[r, column:last_column]
        for c in range(line.size):
            value = line[c] + shift[c]
            line[c] = value if value > zero else zero


@compiled()
def gate_columns(values, gate, target, sums, column, last_column):  # type: ignore[no-untyped-def]
    """Do as `store_gated` with arrays (rows, columns), within the columns given."""
    zero = values.dtype.type(0)
    total = sums[column:last_column]
    for r in range(len(values)):
        source, goal = values[r, column:last_column], target[r, column:last_column]
        allowed = gate[r, column:last_column]
        for c in range(source.size):
            value = source[c] if allowed[c] > zero else zero
            goal[c] = value
            total[c] += value
