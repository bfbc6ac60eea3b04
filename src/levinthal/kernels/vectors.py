"""Vector code in LLVM's terms, for stretches that must be vector instructions whatever LLVM makes of a loop.

`emitted` turns a Python function that writes such code into one that compiled loops can call. All memory is read and
written by `Emitter.load`, `scalar` and `store`, which check indices where `compiled.CHECKED` says so.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba.core import cgutils, config, types
from numba.extending import intrinsic

from levinthal.kernels.compiled import CHECKED

INT16, INT32, INT64, SINGLE = ir.IntType(16), ir.IntType(32), ir.IntType(64), ir.FloatType()
_FUSED = ("contract",)


def _has(feature: str) -> bool:
    """Return whether the processor that numba compiles for has an instruction set, by LLVM's name of it."""
    if config.CPU_FEATURES is not None:
        return f"+{feature}" in config.CPU_FEATURES.split(",")
    return bool(llvm.get_host_cpu_features().get(feature, False))


@dataclass(frozen=True)
class Place:
    """An element of a flat array.

    Attributes
    ----------
    pointer
        To the element.
    align : int
        Bytes of an element.
    index, size
        Which element of how many, where bounds are checked.
    """

    pointer: Any
    align: int
    index: Any
    size: Any

    @property
    def scalar(self) -> Any:
        """The type of an element."""
        return self.pointer.type.pointee


class Emitter:
    """Writes vector code through an LLVM builder.

    Arithmetic by the methods `add`, `subtract`, `multiply` and those made of them may be fused to multiply-adds; what
    must not be goes through `builder`.
    """

    def __init__(self, context: Any, builder: Any) -> None:
        self.context, self.builder = context, builder

    has = staticmethod(_has)

    def argument(self, kind: Any, value: Any) -> Any:
        """Return the first element of an array, and anything else as it is."""
        if not isinstance(kind, types.Array):
            return value
        array = self.context.make_array(kind)(self.context, self.builder, value)
        index = INT64(0) if CHECKED else None
        return Place(array.data, kind.dtype.bitwidth // 8, index, array.nitems if CHECKED else None)

    def times(self, value: Any, factor: int) -> Any:
        """Return an index times a constant."""
        return self.builder.mul(value, INT64(factor))

    def at(self, place: Place, offset: Any) -> Place:
        """Return the element that lies `offset` elements further on."""
        index = self.builder.add(place.index, offset) if CHECKED else None
        return replace(place, pointer=self.builder.gep(place.pointer, [offset]), index=index)

    def _check(self, place: Place, n_elements: int) -> None:
        if CHECKED:
            for at in (place.index, self.builder.add(place.index, INT64(n_elements - 1))):
                cgutils.do_boundscheck(self.context, self.builder, at, place.size)

    def _pointer(self, place: Place, kind: Any) -> Any:
        n_bits = kind.count * _bits(kind.element) if isinstance(kind, ir.VectorType) else _bits(kind)
        self._check(place, n_bits // (8 * place.align))
        return place.pointer if kind == place.scalar else self.builder.bitcast(place.pointer, kind.as_pointer())

    def load(self, place: Place, kind: Any = None) -> Any:
        """Read a value of a type, by default one element."""
        return self.builder.load(self._pointer(place, kind or place.scalar), align=place.align)

    def store(self, value: Any, place: Place) -> None:
        """Write a value."""
        self.builder.store(value, self._pointer(place, value.type), align=place.align)

    def variables(self, kind: Any, rows: int, columns: int) -> list[list[Any]]:
        """Return places for values that change in loops; LLVM keeps them in registers."""
        return [[cgutils.alloca_once(self.builder, kind) for _ in range(columns)] for _ in range(rows)]

    def fill(self, variables: Iterable[Iterable[Any]], value: Any) -> None:
        """Give every variable the same value."""
        for row in variables:
            for variable in row:
                self.builder.store(value, variable)

    def loop(self, count: Any) -> AbstractContextManager[Any]:
        """Repeat what is written within the block; yields an object whose `index` counts from 0."""
        return cgutils.for_range(self.builder, count)  # type: ignore[no-any-return]

    def choose(self, number: Any, cases: dict[int, Callable[[], None]]) -> None:
        """Run the code that one of the cases writes, or none."""
        builder = self.builder
        after = builder.append_basic_block("chosen")
        switch = builder.switch(number, after)
        for case, write in cases.items():
            block = builder.append_basic_block(f"case{case}")
            switch.add_case(number.type(case), block)
            builder.position_at_end(block)
            write()
            builder.branch(after)
        builder.position_at_end(after)

    @staticmethod
    def constant(kind: Any, value: float) -> Any:
        """Return a vector with the same constant in every lane."""
        return ir.Constant(kind, [value] * kind.count)

    def splat(self, value: Any, lanes: int) -> Any:
        """Return a vector with the value in every lane."""
        empty = ir.Constant(ir.VectorType(value.type, lanes), ir.Undefined)
        one = self.builder.insert_element(empty, value, INT32(0))
        return self.shuffle(one, empty, [0] * lanes)

    def shuffle(self, a: Any, b: Any, order: Sequence[int]) -> Any:
        """Return lanes of a, and of b behind them, in an order."""
        return self.builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(INT32, len(order)), list(order)))

    def call(self, name: str, result: Any, *arguments: Any) -> Any:
        """Call one of LLVM's functions."""
        kind = ir.FunctionType(result, [argument.type for argument in arguments])
        return self.builder.call(cgutils.get_or_insert_function(self.builder.module, kind, name), arguments)

    def fma(self, a: Any, b: Any, c: Any) -> Any:
        """Return a b + c, rounded once."""
        return self.call(f"llvm.fma.v{a.type.count}f{_bits(a.type.element)}", a.type, a, b, c)

    def absolute(self, a: Any) -> Any:
        """Return the values without their signs."""
        return self.call(f"llvm.fabs.v{a.type.count}f{_bits(a.type.element)}", a.type, a)

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


def _bits(kind: Any) -> int:
    """Return the size of a scalar type."""
    return int(kind.width) if isinstance(kind, ir.IntType) else 32 if kind == SINGLE else 64


def emitted(write: Callable[..., Any], returns: Any = types.void) -> Any:
    """Return a function for compiled loops whose code `write` writes.

    Parameters
    ----------
    write : callable
        Gets an `Emitter` and the arguments: a flat array as the `Place` of its first element, an integer in 64 bits.
    returns : numba type
        Of what it returns.
    """

    def definition(_typing: Any, *kinds: Any) -> Any:
        def lower(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            code = Emitter(context, builder)
            values = [code.argument(kind, value) for kind, value in zip(signature.args, arguments, strict=True)]
            result = write(code, *values)
            return context.get_dummy_value() if result is None else result

        return returns(*(types.int64 if isinstance(kind, types.Integer) else kind for kind in kinds)), lower

    definition.__signature__ = inspect.signature(write)  # type: ignore[attr-defined]  # numba reads the names there
    definition.__name__ = write.__name__
    return intrinsic(definition)
