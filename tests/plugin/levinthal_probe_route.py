"""Routes that do wrong: one flips a bit of each message, one drops every third."""

from __future__ import annotations

from typing import ClassVar

from levinthal.metrics.transfer.route import CHECK, Head, Load
from levinthal.metrics.transfer.routes.same_process import SameProcess


class _Wrong:
    def __init__(self, load: Load, drops: bool) -> None:
        self._inner, self._drops, self._k = SameProcess().receiver(load), drops, 0

    def receive(self):
        while (found := self._inner.receive()) is not None:
            head, body = found
            self._k += 1
            if Head.of(head).phase == CHECK and self._drops and self._k % 3 == 0:
                continue
            if len(body) and not self._drops:
                body[len(body) // 2] ^= 1
            return head, body
        return None

    def close(self) -> None:
        self._inner.close()


class Flipping:
    name: ClassVar[str] = "flipping"
    medium: ClassVar[str] = "memory"
    sends: ClassVar[bool] = False
    drops = False

    def receiver(self, load: Load) -> _Wrong:
        return _Wrong(load, self.drops)


class Dropping(Flipping):
    name: ClassVar[str] = "dropping"
    drops = True
