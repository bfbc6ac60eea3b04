"""What figures were called in version 1 of the result, where a name said what it was of, and what they are called now.

A pattern matches a whole name of a workload. Its named groups become labels, spelt as in `_WORDS`, a group `now` the
name; labels that the old name left open are given beside it. The first pattern that matches counts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from levinthal.harness.results.labels import Label

Labels = Mapping[str, Label]
Patterns = tuple[tuple[str, str, Labels], ...]

_WORDS: Mapping[str, str | int] = {
    "median": 50,
    "90th percentile": 90,
    "prediction": "inference",
    "held-out": "held out",
}
_CVAE: Patterns = (
    (r"curve/(?P<now>loss)/(?P<split>.+)", "", {}),
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
_RGN: Patterns = (
    (r"curve/(?P<now>dRMSD)/(?P<split>.+)", "", {}),
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
            (rf"{score} \({_SPLIT}, median of \d+\)", f"median {score}", {"class": "all"}),
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
_TRAINING: Patterns = (
    (r"training", "training rate", {}),
    (r"(?P<phase>training|prediction) arithmetic", "arithmetic rate", {}),
    (r"time to target (loss|dRMSD)", "time to target", {}),
)


_POLICY = r"(?P<policy>[\w.-]+)"
_SAMPLING: Patterns = (
    (rf"curve/(?P<now>cells seen)/{_POLICY}", "", {}),
    (rf"(?P<now>effective sampling|faster|greater|better), {_POLICY} / (?P<baseline>[\w.-]+)", "",
     {"cost": "core-second"}),
    (rf"(?P<now>cells seen|stationary mass covered|campaigns that met the event|recurrence of the event|queue time|"
     rf"cull latency|frames that the model had not seen), {_POLICY}", "", {}),
    (rf"divergence, {_POLICY}", "divergence", {"weighting": "none"}),
    (rf"divergence reweighted, {_POLICY}", "divergence", {"weighting": "Markov state model"}),
    (r"VAMP-2 of the latent space at (?P<lag>\d+) frames", "VAMP-2 of the latent space", {}),
    (rf"(?P<estimate>Schlitter|quasi-harmonic) entropy, {_POLICY}", "configurational entropy", {}),
    (rf"simulation, {_POLICY}", "simulation rate", {}),
    (rf"simulation's share of the core-seconds, {_POLICY}", "share of the core-seconds", {"share": "simulate"}),
    (rf"simulation cores busy, {_POLICY}", "simulation cores busy", {"clock": "wall"}),
    (rf"simulation cores busy by processor time, {_POLICY}", "simulation cores busy", {"clock": "processor"}),
    (rf"core-seconds to the event/{_POLICY}", "spent before the event", {}),
    (rf"core-seconds/{_POLICY}/(?P<share>.+)", "core-seconds spent", {}),
    (rf"(?P<now>restarts|models)/{_POLICY}", "", {}),
    (r"exact chain, estimate and limits / known value/(?P<metric>.+)", "estimate and limits / known value", {}),
    (r"exact chain: intervals \(99\.9 %\) that miss the known value", "intervals that miss the known value",
     {"system": "exact chain", "confidence": 0.999}),
    (r"kinetic temperature off the one asked for, share", "deviation of the kinetic temperature", {}),
)  # fmt: skip
_SEARCH = r"(?P<search>.+)"
_DOCKING: Patterns = (
    (rf"(?P<now>docking time|set-up|best score|best known found|RMSD of the top pose|search failures|scoring failures|"
     rf"plausible top poses) \({_SEARCH}\)", "", {}),
    (rf"success at 2 A \({_SEARCH}\)", "success", {"within_angstrom": 2}),
    (rf"(?P<now>RMSD of the redocked ligand \(A\)|score above the best known \(kcal/mol\)), {_SEARCH}", "", {}),
    (r"break-even ligands of the training", "break-even ligands of the training", {"search": "trained policy"}),
    (r"training frames", "training rate", {}),
    (r"time to train to the target", "time to target", {}),
    (r"screening ROC AUC", "screening ROC AUC", {"ranking": "docking score"}),
    (r"screening BEDROC", "screening BEDROC", {"alpha": 20, "ranking": "docking score"}),
    (r"screening enrichment of the first 1 %", "screening enrichment", {"fraction": 0.01, "ranking": "docking score"}),
    (r"curve/policy training/best energy of an episode, mean", "energy of the pose",
     {"pose": "best of an episode, mean"}),
    (r"curve/policy training/(?P<pose>best known)", "energy of the pose", {}),
)  # fmt: skip
_ANY: Patterns = ((r"curve/(?P<now>[^/]+)/(?P<series>.+)", "", {}),)
_OF = {"cvae": (*_TRAINING, *_CVAE), "rgn": (*_TRAINING, *_RGN), "sampling": _SAMPLING, "docking": _DOCKING}


@cache
def _compiled(workload: str | None) -> tuple[tuple[re.Pattern[str], str, Labels], ...]:
    return tuple((re.compile(each), name, labels) for each, name, labels in (*_OF.get(workload or "", ()), *_ANY))


def former_identity(name: str, workload: str | None) -> tuple[str, dict[str, Label]] | None:
    """Return name and labels of what version 1 of a workload called by one name; None where it is called so still."""
    for pattern, now, labels in _compiled(workload):
        if found := pattern.fullmatch(name):
            of = {key: _word(text) for key, text in found.groupdict().items()}
            return str(of.pop("now", now)), {**of, **labels}
    return None


def _word(text: str) -> Label:
    return _WORDS.get(text, int(text) if text.isdigit() else text)
