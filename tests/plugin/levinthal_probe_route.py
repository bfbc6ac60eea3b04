"""Routes that do wrong: one flips a bit of each message, one drops every third, two are killed once by a signal."""

from __future__ import annotations

import os
import signal
from pathlib import Path
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


class _Dying:
    """Dies of a segmentation fault once, before its first message or after ten."""

    def __init__(self, load: Load, after: int) -> None:
        self._inner, self._left = SameProcess().receiver(load), after
        self._died = Path(load.folder).with_name("died")

    def receive(self):
        if self._left == 0 and not self._died.exists():
            self._died.touch()
            os.kill(os.getpid(), signal.SIGSEGV)
        self._left -= 1
        return self._inner.receive()

    def close(self) -> None:
        self._inner.close()


class DyingAtFirst(Flipping):
    name: ClassVar[str] = "dying-at-first"
    after = 0

    def receiver(self, load: Load) -> _Dying:
        return _Dying(load, self.after)


class DyingLater(DyingAtFirst):
    name: ClassVar[str] = "dying-later"
    after = 10
