"""A launcher of ranks that listens on this machine alone.

torchrun's store listens on all interfaces, and whoever reaches it can change what the ranks agree upon. In the process
of our launcher it listens on the loopback interface, and gloo and NCCL, told so in the environment, talk there.
"""

from __future__ import annotations

import os
import socket
import sys
from typing import Any

__all__ = ["ADDRESS", "listen_on_loopback"]

ADDRESS = "127.0.0.1"


def listen_on_loopback() -> None:
    """Have every store that this process makes, and the ranks that it starts, listen on the loopback interface."""
    from torch import distributed
    from torch.distributed.elastic.rendezvous import c10d_rendezvous_backend

    store: Any = distributed.TCPStore  # type: ignore[attr-defined]

    class LoopbackStore(store):  # type: ignore[misc]
        """A store whose listening socket was bound here, to one address."""

        def __init__(self, host_name: str, port: int = 0, *args: Any, is_master: bool = False, **more: Any) -> None:
            if is_master:
                listening = socket.socket()
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listening.bind((ADDRESS, port))
                listening.listen()
                host_name, port = listening.getsockname()
                more["master_listen_fd"] = listening.detach()
            super().__init__(host_name, port, *args, is_master=is_master, **more)

    distributed.TCPStore = LoopbackStore  # type: ignore[attr-defined]
    c10d_rendezvous_backend.TCPStore = LoopbackStore  # type: ignore[attr-defined]
    interface = "lo" if sys.platform == "linux" else "lo0"
    for variable in ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME", "TP_SOCKET_IFNAME"):
        os.environ.setdefault(variable, interface)
