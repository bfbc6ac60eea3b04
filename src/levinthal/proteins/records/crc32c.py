"""CRC-32C (Castagnoli), eight bytes at a step, compiled by numba; and the masked form that TFRecord files hold.

The polynomial is 0x1EDC6F41, here reflected (RFC 3720, section 12.1 and appendix B.4). Tables for eight bytes at a
step: M. E. Kounavis and F. L. Berry, ISCC 2005 ("slicing by 8").
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from levinthal.kernels.compiled import compiled

__all__ = ["crc32c", "masked_crc32c"]

_REFLECTED_POLYNOMIAL = 0x82F63B78
_MASK_DELTA = 0xA282EAD8


def _tables() -> npt.NDArray[np.uint32]:
    """Return entry [k, b]: what a byte b that lies k bytes before the end of a step adds."""
    tables = np.zeros((8, 256), np.uint32)
    values = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        values = (values >> np.uint32(1)) ^ np.where(
            values & np.uint32(1), np.uint32(_REFLECTED_POLYNOMIAL), np.uint32(0)
        )
    tables[0] = values
    for k in range(1, 8):
        tables[k] = (tables[k - 1] >> np.uint32(8)) ^ tables[0][tables[k - 1] & np.uint32(0xFF)]
    return tables


_TABLES = _tables()


@compiled()
def _update(data: npt.NDArray[np.uint8], table: npt.NDArray[np.uint32]) -> np.uint32:
    crc = np.uint32(0xFFFFFFFF)
    low, byte = np.uint32(0xFF), np.uint32(8)
    n = data.shape[0]
    whole = n - n % 8
    for i in range(0, whole, 8):
        crc = (
            table[7, (crc & low) ^ data[i]]
            ^ table[6, ((crc >> byte) & low) ^ data[i + 1]]
            ^ table[5, ((crc >> np.uint32(16)) & low) ^ data[i + 2]]
            ^ table[4, (crc >> np.uint32(24)) ^ data[i + 3]]
            ^ table[3, data[i + 4]]
            ^ table[2, data[i + 5]]
            ^ table[1, data[i + 6]]
            ^ table[0, data[i + 7]]
        )
    for i in range(whole, n):
        crc = (crc >> byte) ^ table[0, (crc & low) ^ data[i]]
    return np.uint32(crc ^ np.uint32(0xFFFFFFFF))


def crc32c(data: bytes | memoryview) -> int:
    """Return the CRC-32C of bytes, between 0 and 2^32 - 1."""
    return int(_update(np.frombuffer(data, np.uint8), _TABLES))


def masked_crc32c(data: bytes | memoryview) -> int:
    """Return the CRC-32C, rotated right by 15 bits plus a constant, so that a checksum of checksums stays good.

    The form is TensorFlow's (`tensorflow/core/lib/hash/crc32c.h`).
    """
    crc = crc32c(data)
    return (((crc >> 15) | (crc << 17)) + _MASK_DELTA) & 0xFFFFFFFF
