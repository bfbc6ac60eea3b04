"""What figures were called in version 1 of the result, where a name said what it was of, and what they are called now.

A pattern matches a whole name. Its named groups become labels, spelt as in `_WORDS`; labels that the old name left open
are given beside it. The first pattern that matches counts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

__all__ = ["former_identity"]

Labels = Mapping[str, str | int]

_WORDS: Mapping[str, str | int] = {
    "median": 50,
    "90th percentile": 90,
    "prediction": "inference",
    "held-out": "held out",
}
_CVAE: tuple[tuple[str, str, Labels], ...] = (
    (r"simulation", "simulation rate", {}),
    (r"simulation frames", "simulation frame rate", {}),
    (r"featurisation", "featurisation rate", {}),
    (r"inference", "inference rate", {}),
    (r"share of the measured peak", "share of the measured peak", {"phase": "training", "flops": "direct algorithm"}),
    (r"held-out bits per contact \((?P<predictor>mean map)\)", "held-out bits per contact", {}),
    (r"held-out bits per contact", "held-out bits per contact", {"predictor": "CVAE"}),
    (r"held-out AUC \((?P<predictor>mean map)\)", "held-out AUC", {}),
    (r"held-out AUC", "held-out AUC", {"predictor": "CVAE"}),
    (r"correlation with (?P<property>.+) \((?P<space>[^()]+)\)", "correlation with a property", {}),
    (r"VAMP-2 \((?P<space>[^()]+)\)", "VAMP-2", {}),
    (r"state agreement \((?P<space>[^()]+)\)", "state agreement", {}),
    (r"silhouette \((?P<space>[^()]+)\)", "silhouette", {}),
)
_SPLIT = r"(?P<split>held-out|training set)"
_RGN: tuple[tuple[str, str, Labels], ...] = (
    (r"training step, (?P<percentile>.+)", "training step", {}),
    (r"(?P<phase>training|prediction), share of the measured peak", "share of the measured peak",
     {"flops": "executed"}),
    (r"profile search, training data", "profile search rate", {"sequences": "data set"}),
    (r"profile search", "profile search rate", {"sequences": "given"}),
    (rf"{_SPLIT} dRMSD", "mean dRMSD", {"predictor": "network"}),
    (rf"{_SPLIT} dRMSD \(A\)", "mean dRMSD in A", {}),
    (rf"{_SPLIT} dRMSD \((?P<predictor>.+)\)", "mean dRMSD", {}),
    (rf"{_SPLIT} dRMSD over that of the best trivial predictor", "mean dRMSD over that of the best trivial predictor",
     {}),
    *(
        pattern
        for score in ("dRMSD", "RMSD", "TM-score", "GDT_TS", "lDDT-CA", "handedness")
        for pattern in (
            (rf"{score} \({_SPLIT}, median of \d+\)", f"median {score}", {}),
            (rf"{score} \((?P<class>.+), median of \d+\)", f"median {score}", {"split": "test"}),
        )
    ),
    (r"dRMSD that 16-bit weights would move a structure by", "dRMSD by which lower precision would move a structure",
     {"precision": "int16"}),
    (r"prediction, (?P<residues>\d+-\d+) residues, (?P<percentile>.+)", "prediction time", {}),
    (r"prediction, (?P<batch>one at a time|batched)", "inference rate", {}),
    (r"prediction, share of geometry", "share of prediction time", {"stage": "geometry"}),
    (r"prediction, growth a residue", "prediction time a residue", {}),
    (r"prediction, exponent of length", "exponent of prediction time in length", {}),
    (r"prediction/residues", "length of a target", {}),
    (r"prediction/(?P<stage>.+)", "prediction time", {}),
)  # fmt: skip
_BOTH: tuple[tuple[str, str, Labels], ...] = (
    (r"training", "training rate", {}),
    (r"(?P<phase>training|prediction) arithmetic", "arithmetic rate", {}),
    (r"time to target (loss|dRMSD)", "time to target", {}),
)


@cache
def _compiled() -> tuple[tuple[re.Pattern[str], str, Labels], ...]:
    return tuple((re.compile(pattern), name, labels) for pattern, name, labels in (*_BOTH, *_CVAE, *_RGN))


def former_identity(name: str) -> tuple[str, dict[str, str | int]] | None:
    """Return name and labels of what version 1 called by one name; None where it is called so still."""
    for pattern, now, labels in _compiled():
        if found := pattern.fullmatch(name):
            return now, {**labels, **{key: _WORDS.get(text, text) for key, text in found.groupdict().items()}}
    return None
