"""Precisions of computing in torch: what each means, as a block within which a model computes so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch

AUTOCAST: Mapping[str, torch.dtype] = {"bf16": torch.bfloat16, "fp16": torch.float16}
"""Precisions of products and sums alone: weights stay in fp32, and torch knows what must."""


@contextmanager
def computing_in(precision: str, device: str) -> Iterator[None]:
    """Compute in a precision within the block.

    Parameters
    ----------
    precision : str
        bf16 and fp16 are torch's autocast, tf32 that of a GPU's products; others change nothing here.
    device : str
        `cpu` or `cuda`.
    """
    if precision in AUTOCAST:
        with torch.autocast(device, dtype=AUTOCAST[precision]):
            yield
        return
    before = torch.get_float32_matmul_precision()
    if precision == "tf32":
        torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
