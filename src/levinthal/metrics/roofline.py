"""The roofline (Williams, Waterman and Patterson 2009): what bounds a computation, its operations or its bytes.

Operations are torch's own count of products (`FlopCounterMode`); bytes are those of every tensor that an operator takes
or gives, each once an operator, views left out: what plain torch moves where no operator is fused with another and
nothing stays in a cache. Both are counts, not estimates; the second says how a program is written, and a cache or a
fused kernel may move less.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Operations:
    """What a computation does.

    Attributes
    ----------
    flops : int
        Floating-point operations of products, two for each multiplication.
    moved_bytes : int
        Of the tensors that operators take and give.
    """

    flops: int
    moved_bytes: int

    @property
    def intensity(self) -> float:
        """Floating-point operations a byte."""
        return self.flops / self.moved_bytes if self.moved_bytes else 0.0


def count_operations(call: Callable[[], object]) -> Operations:
    """Count what a call does through torch, in forward and backward passes alike.

    Parameters
    ----------
    call : callable
        What runs in other code than torch's operators is not seen.

    Examples
    --------
    >>> import torch
    >>> from levinthal.metrics.roofline import count_operations
    >>> a, b = torch.ones(10, 20), torch.ones(20, 30)
    >>> count_operations(lambda: a @ b)
    Operations(flops=12000, moved_bytes=4400)
    """
    import warnings

    import torch
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_leaves
    from torch.utils.flop_counter import FlopCounterMode

    class Bytes(TorchDispatchMode):
        """Adds up the bytes of each operator's tensors."""

        def __init__(self) -> None:
            super().__init__()  # type: ignore[no-untyped-call]
            self.total = 0

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            result = func(*args, **(kwargs or {}))
            aliases = [each.alias_info for each in func._schema.returns]
            if not any(alias is not None and not alias.is_write for alias in aliases):  # a view moves nothing
                self.total += sum(map(_n_bytes, tree_leaves((args, kwargs, result))))
            return result

    moved, flops = Bytes(), FlopCounterMode(display=False)
    libraries: Any = (torch.backends.mkldnn, torch.backends.cudnn)  # they fuse a recurrence into one operator
    with ExitStack() as stack:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # oneDNN's setting of TF32, which is for other devices
            for library in libraries:
                stack.enter_context(library.flags(enabled=False))
        stack.enter_context(flops)
        stack.enter_context(moved)
        call()
    return Operations(int(flops.get_total_flops()), moved.total)


def _n_bytes(thing: object) -> int:
    import torch

    return thing.numel() * thing.element_size() if isinstance(thing, torch.Tensor) else 0


@dataclass(frozen=True)
class Roof:
    """What a device can do at best.

    Attributes
    ----------
    gflop_s, gb_s : float
        Measured peaks of products and of copies.
    name : str
        Of what: `fp32, 2 threads`.
    """

    gflop_s: float
    gb_s: float
    name: str = ""

    @property
    def ridge(self) -> float:
        """The intensity from which on operations bound, flop/B."""
        return self.gflop_s / self.gb_s

    def attainable_gflop_s(self, intensity: float) -> float:
        """Return the most that can be reached at an intensity.

        Examples
        --------
        >>> from levinthal.metrics.roofline import Roof
        >>> [Roof(gflop_s=200.0, gb_s=20.0).attainable_gflop_s(each) for each in (1.0, 10.0, 50.0)]
        [20.0, 200.0, 200.0]
        """
        return min(self.gflop_s, self.gb_s * intensity)

    def bound(self, intensity: float) -> Literal["memory", "compute"]:
        """Return what bounds at an intensity."""
        return "memory" if intensity < self.ridge else "compute"


@dataclass(frozen=True)
class Dot:
    """A computation under a roof, for the chart."""

    name: str
    intensity: float
    gflop_s: float


def roofline_svg(roofs: Sequence[Roof], dots: Sequence[Dot]) -> str:
    """Draw roofs and what was reached under them, both axes logarithmic, as SVG.

    Parameters
    ----------
    roofs : sequence of Roof
    dots : sequence of Dot
    """
    import io

    from matplotlib import rc_context
    from matplotlib.figure import Figure

    figure = Figure((6.4, 4.2), layout="constrained")
    axes = figure.subplots()
    low = min([dot.intensity for dot in dots] + [roof.ridge for roof in roofs]) / 3
    high = max([dot.intensity for dot in dots] + [roof.ridge for roof in roofs]) * 3
    for k, roof in enumerate(roofs):
        across = [low, roof.ridge, high]
        axes.plot(across, [roof.attainable_gflop_s(x) for x in across], color=f"C{k}", label=roof.name)
    markers = "osD^vPX*"
    for k, dot in enumerate(dots):
        axes.plot(
            [dot.intensity], [dot.gflop_s], markers[k % len(markers)], color="black", label=dot.name, markersize=5
        )
    axes.set(xscale="log", yscale="log", xlabel="operations a byte (flop/B)", ylabel="GFLOP/s")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=7)
    buffer = io.StringIO()
    with rc_context({"svg.hashsalt": "levinthal", "font.size": 9}):  # the same data give the same bytes
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()
