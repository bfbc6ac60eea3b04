"""How the gradients of ranks are summed: torch's DistributedDataParallel, set for networks that are small."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn
from torch.distributed.algorithms.ddp_comm_hooks import default_hooks

from levinthal.errors import UsageError

__all__ = ["COMPRESSIONS", "DataParallel", "data_parallel"]

COMPRESSIONS = ("none", "bf16", "fp16")


@dataclass(frozen=True)
class DataParallel:
    """Settings of the exchange of gradients.

    Attributes
    ----------
    bucket_mb : int
        Gradients travel together in buckets of about this size, each as soon as it is complete.
    static_graph : bool
        Tell DistributedDataParallel that every step uses the same parameters.
    compression : {"none", "bf16", "fp16"}
        The type that gradients have while they travel.
    """

    bucket_mb: int = 25
    static_graph: bool = True
    compression: str = "none"

    def __post_init__(self) -> None:
        if self.compression not in COMPRESSIONS:
            raise UsageError(f"compression {self.compression!r} is unknown: choose one of {', '.join(COMPRESSIONS)}")


def data_parallel(model: nn.Module, settings: DataParallel) -> nn.parallel.DistributedDataParallel:
    """Wrap a model for the ranks of the process group; all begin with the weights of the first.

    Gradients are averaged over the ranks.
    """
    wrapped = nn.parallel.DistributedDataParallel(
        model,
        bucket_cap_mb=settings.bucket_mb,
        gradient_as_bucket_view=True,
        static_graph=settings.static_graph,
    )
    if settings.compression != "none":
        hook = default_hooks.bf16_compress_hook if settings.compression == "bf16" else default_hooks.fp16_compress_hook
        wrapped.register_comm_hook(None, hook)
    return wrapped
