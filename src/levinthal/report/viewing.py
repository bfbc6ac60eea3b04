"""The scripts that draw structures on a page, and the policy that lets them alone run."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from importlib import resources

from markupsafe import Markup


@dataclass(frozen=True)
class Viewer:
    """What draws structures.

    Attributes
    ----------
    library : Markup
        3Dmol.js, which the script runs when it is first asked to draw.
    script : Markup
        Our own.
    licence : str
        That of the library, which has to go with it.
    """

    library: Markup
    script: Markup
    licence: str

    @property
    def policy(self) -> str:
        """What a page's policy says of scripts: these two, known by their SHA-256, and nothing else."""
        digests = (hashlib.sha256(text.encode()).digest() for text in (self.library, self.script))
        allowed = " ".join(f"'sha256-{base64.b64encode(each).decode('ascii')}'" for each in digests)
        return f"script-src {allowed}"


def read_viewer() -> Viewer:
    """Return the scripts that the package carries."""
    folder = resources.files("levinthal.report") / "viewer"
    library, script, licence = (
        (folder / name).read_text(encoding="utf-8") for name in ("3Dmol-min.js", "viewer.js", "3Dmol-LICENSE")
    )
    return Viewer(Markup(library), Markup(script), licence)  # noqa: S704 -- our own, no value of a result is in them
