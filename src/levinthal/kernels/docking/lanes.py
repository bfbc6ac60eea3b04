"""Vector arithmetic on eight lanes, written in LLVM's terms, for the compiled loops that score poses."""

from __future__ import annotations

from typing import Any

from llvmlite import ir

__all__ = ["F32", "FLOATS", "I32", "LANES", "RECORD", "WORDS", "Lanes"]

LANES = 8
I32, F32 = ir.IntType(32), ir.FloatType()
FLOATS, WORDS = ir.VectorType(F32, LANES), ir.VectorType(I32, LANES)
RECORD = ir.VectorType(I32, 4)
"""The eight corners of a cell, as 16-bit integers."""

_FUSED = ("contract",)


class Lanes:
    """Vector arithmetic on eight lanes, written in LLVM's terms."""

    def __init__(self, builder: Any) -> None:
        self.builder = builder

    def splat(self, value: Any, kind: Any = FLOATS) -> Any:
        """Give every lane the same value."""
        empty = ir.Constant(kind, ir.Undefined)
        one = self.builder.insert_element(empty, value, ir.Constant(I32, 0))
        return self.builder.shuffle_vector(one, empty, ir.Constant(WORDS, [0] * LANES))

    def add(self, a: Any, b: Any) -> Any:
        """Return a + b."""
        return self.builder.fadd(a, b, flags=_FUSED)

    def subtract(self, a: Any, b: Any) -> Any:
        """Return a - b."""
        return self.builder.fsub(a, b, flags=_FUSED)

    def multiply(self, a: Any, b: Any) -> Any:
        """Return a b."""
        return self.builder.fmul(a, b, flags=_FUSED)

    def multiply_add(self, a: Any, b: Any, c: Any) -> Any:
        """Return a b + c, by one instruction where there is one."""
        return self.add(self.multiply(a, b), c)

    def between(self, a: Any, b: Any, share: Any) -> tuple[Any, Any]:
        """Return a + share (b - a), and b - a."""
        rise = self.subtract(b, a)
        return self.multiply_add(share, rise, a), rise

    def lower(self, a: Any, b: Any) -> Any:
        """Return the lower of two; the second where the first is not a number."""
        return self.builder.select(self.builder.fcmp_ordered("<", a, b), a, b)

    def higher(self, a: Any, b: Any) -> Any:
        """Return the higher of two; the second where the first is not a number."""
        return self.builder.select(self.builder.fcmp_ordered(">", a, b), a, b)

    def absolute(self, a: Any) -> Any:
        """Return the values without their signs."""
        kind = ir.FunctionType(FLOATS, [FLOATS])
        return self.builder.call(self.builder.module.declare_intrinsic(f"llvm.fabs.v{LANES}f32", (), kind), [a])

    def shuffle(self, a: Any, b: Any, order: tuple[int, ...]) -> Any:
        """Return lanes of a, and of b behind them, in an order."""
        mask = ir.Constant(ir.VectorType(I32, len(order)), list(order))
        return self.builder.shuffle_vector(a, b, mask)

    def corners(self, records: list[Any]) -> list[tuple[Any, Any]]:
        """Turn the records of eight lanes into four pairs of corners along z, eight lanes each."""
        both = [self.shuffle(records[n], records[n + 4], tuple(range(8))) for n in range(4)]
        low, high = (0, 8, 1, 9, 4, 12, 5, 13), (2, 10, 3, 11, 6, 14, 7, 15)
        pairs = [self.shuffle(both[n], both[n + 1], order) for n in (0, 2) for order in (low, high)]
        low, high = (0, 1, 8, 9, 4, 5, 12, 13), (2, 3, 10, 11, 6, 7, 14, 15)
        words = [self.shuffle(pairs[n], pairs[n + 2], order) for n in (0, 1) for order in (low, high)]
        half = self.splat(ir.Constant(I32, 16), WORDS)
        shift = self.builder.ashr
        return [
            (
                self.builder.sitofp(shift(self.builder.shl(word, half), half), FLOATS),
                self.builder.sitofp(shift(word, half), FLOATS),
            )
            for word in words
        ]
