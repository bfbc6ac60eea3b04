"""From sequence to backbone with the published network: Levinthal against what a user would write in torch.

The user's version is nn.LSTM (2 layers, 800 units, both directions), a linear layer, the alphabet, and the textbook
NeRF loop over atoms; one protein at a time. Both sides have the same weights, the same features (one-hot, empty
profile) and all cores. The 12 targets are proteins of CASP12 that lie as PDB files in a folder. Each side is measured
in processes of its own, which take turns; the ratio is the median over the targets of the ratios of their medians.
How far our coordinates are from the user's in float64 is measured first, for weights as they start and for larger
ones, because 16-bit weights may count only where that is below 0.05 A of dRMSD. Exit status 1 where the machine was
disturbed.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gemmi
import torch
from torch import Tensor, nn
from undisturbed import in_turns, ratio_of, watched

from levinthal.proteins.geometry.backbone import BOND_ANGLES_RAD, BOND_LENGTHS_NM, build_backbone
from levinthal.proteins.geometry.distance_rmsd import distance_rmsd
from levinthal.workloads.rgn.data.features import features_of, pad_features
from levinthal.workloads.rgn.model.config import PRESETS
from levinthal.workloads.rgn.model.network import RGNModel

ALLOWED_DRMSD_A = 0.05
TARGETS = {"batch 1, median of the targets": 2.0, "12 in a batch": 3.0}
GEOMETRY_SHARE = 0.05
STAGES = ("LSTM", "angles", "geometry")


class UsersNetwork(nn.Module):
    """The same network, written plainly."""

    def __init__(self, model: RGNModel) -> None:
        super().__init__()
        config = model.config
        self.lstm = nn.LSTM(config.n_inputs, config.n_hidden, config.n_layers, batch_first=True, bidirectional=True)
        with torch.no_grad():
            for number, layer in enumerate(model.layers):
                for name, parameter in layer.recurrence.named_parameters():
                    getattr(self.lstm, name.replace("l0", f"l{number}")).copy_(parameter)
        self.projection, self.alphabet = model.projection, model.alphabet

    def torsions(self, hidden: Tensor) -> Tensor:
        """Return the mean torsions of the letters."""
        letters = torch.softmax(self.projection(hidden), dim=-1)
        return torch.atan2(letters @ torch.sin(self.alphabet), letters @ torch.cos(self.alphabet))


def textbook_nerf(dihedrals: Tensor) -> Tensor:
    """Place the atoms of one protein (residues, 3) one after the other (Parsons et al., J. Comput. Chem. 26:1063)."""
    n_ca, ca_c, c_n = BOND_LENGTHS_NM
    c_n_ca, n_ca_c, ca_c_n = BOND_ANGLES_RAD
    # N is placed by the psi of the residue before, CA by omega, C by phi
    turns = torch.cat([dihedrals[:-1, 2:], dihedrals[1:, :2]], dim=1).reshape(-1, 1)
    lengths = dihedrals.new_tensor([c_n, n_ca, ca_c]).repeat(len(dihedrals) - 1)[:, None]
    angles = dihedrals.new_tensor([ca_c_n, c_n_ca, n_ca_c]).repeat(len(dihedrals) - 1)[:, None]
    across = lengths * torch.sin(angles)
    places = torch.cat([-lengths * torch.cos(angles), across * torch.cos(turns), across * torch.sin(turns)], dim=1)
    start = [[0.0, 0.0, 0.0], [n_ca, 0.0, 0.0], [n_ca - ca_c * math.cos(n_ca_c), ca_c * math.sin(n_ca_c), 0.0]]
    atoms = list(dihedrals.new_tensor(start))
    for place in places:
        a, b, c = atoms[-3:]
        bond = c - b
        normal = torch.linalg.cross(b - a, bond)
        frame = torch.stack([bond, torch.linalg.cross(normal, bond), normal])
        atoms.append(c + place @ (frame / frame.norm(dim=1, keepdim=True)))
    return torch.stack(atoms).view(-1, 3, 3)


class Laps:
    """Seconds of each stage."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._last = time.perf_counter()

    def lap(self) -> None:
        """End a stage."""
        now = time.perf_counter()
        self.seconds.append(now - self._last)
        self._last = now


def users_prediction(user: UsersNetwork, features: Tensor) -> tuple[Tensor, list[float]]:
    laps = Laps()
    hidden, _ = user.lstm(features[None])
    laps.lap()
    dihedrals = user.torsions(hidden)
    laps.lap()
    atoms = textbook_nerf(dihedrals[0])
    laps.lap()
    return atoms, laps.seconds


def our_prediction(model: RGNModel, features: Tensor, lengths: Tensor) -> tuple[Tensor, list[float]]:
    laps = Laps()
    hidden = model.recur(features, lengths)
    laps.lap()
    dihedrals = model.torsions(hidden)
    laps.lap()
    atoms = build_backbone(dihedrals)
    laps.lap()
    return atoms, laps.seconds


def read_sequences(folder: Path) -> dict[str, str]:
    """Return the sequence of each PDB file's first chain, the shortest first."""
    found = {}
    for path in folder.glob("*.pdb"):
        chain = gemmi.read_structure(str(path))[0][0]
        found[path.stem] = gemmi.one_letter_code([residue.name for residue in chain if residue.find_atom("CA", "*")])
    if not found:
        raise SystemExit(f"no PDB files in {folder}: give another folder with --targets")
    return dict(sorted(found.items(), key=lambda item: len(item[1])))


def set_precision(model: RGNModel, precision: str) -> None:
    for layer in model.layers:
        layer.inference_precision = precision


def drmsd_a(atoms: Tensor, reference: Tensor) -> float:
    ca, reference_ca = atoms[None, :, 1].double(), reference[None, :, 1].double()
    return 10.0 * float(distance_rmsd(ca, reference_ca, torch.ones(ca.shape[:2], dtype=torch.bool)))


def movement(sequences: dict[str, str], weights: str, precisions: list[str]) -> dict[str, Any]:
    """Return the worst dRMSD in A of each precision, and of the user's float32, from the user's network in float64."""
    model = RGNModel(PRESETS["casp12"], seed=1).eval()
    if weights == "larger":
        torch.manual_seed(2)
        for layer in model.layers:
            layer.recurrence.reset_parameters()  # torch's start, 3.5 times larger
        nn.init.normal_(model.projection.weight, std=0.5)
    user = UsersNetwork(model).eval()
    exact = copy.deepcopy(user).double()
    references = {}
    for name, sequence in sequences.items():
        references[name], _ = users_prediction(exact, torch.from_numpy(features_of(sequence, None)).double())
    worst: dict[str, Any] = {"user, fp32": 0.0} | dict.fromkeys(precisions, 0.0)
    for name, sequence in sequences.items():
        features = torch.from_numpy(features_of(sequence, None))
        atoms, _ = users_prediction(user, features)
        worst["user, fp32"] = max(worst["user, fp32"], drmsd_a(atoms, references[name]))
        for precision in precisions:
            set_precision(model, precision)
            atoms, _ = our_prediction(model, features[None], torch.tensor([len(sequence)]))
            worst[precision] = max(worst[precision], drmsd_a(atoms[0], references[name]))
    return worst


def timed(predict: Callable[[], list[float]], rounds: int) -> list[float]:
    """Return the median milliseconds of each stage; the first round, to warm up, does not count."""
    taken = [predict() for _ in range(rounds + 1)][1:]
    return [1e3 * statistics.median(stage) for stage in zip(*taken, strict=True)]


def measure_side(sequences: dict[str, str], side: str, rounds: int) -> dict[str, Any]:
    """Measure one side: `user`, or a precision of ours."""
    model = RGNModel(PRESETS["casp12"], seed=1).eval()
    features = {name: torch.from_numpy(features_of(sequence, None)) for name, sequence in sequences.items()}
    targets = {}
    if side == "user":
        user = UsersNetwork(model).eval()
        for name, each in features.items():
            targets[name] = timed(lambda each=each: users_prediction(user, each)[1], rounds)  # type: ignore[misc]

        def together() -> list[float]:
            return [
                sum(stage) for stage in zip(*(users_prediction(user, f)[1] for f in features.values()), strict=True)
            ]
    else:
        set_precision(model, side)
        for name, each in features.items():
            length = torch.tensor([len(each)])
            targets[name] = timed(
                lambda each=each, length=length: our_prediction(model, each[None], length)[1],  # type: ignore[misc]
                rounds,
            )
        batch, lengths = pad_features([each.numpy() for each in features.values()])

        def together() -> list[float]:
            return our_prediction(model, batch, lengths)[1]

    return {"targets": targets, "together": timed(together, max(rounds // 2, 1))}


def stages_of(turns: list[Any], key: str, name: str | None = None) -> list[float]:
    """Return the median over the turns of each stage."""
    rows = [turn[key] if name is None else turn[key][name] for turn in turns]
    return [statistics.median(stage) for stage in zip(*rows, strict=True)]


def compared(sequences: dict[str, str], user: list[Any], ours: list[Any]) -> dict[str, Any]:
    """Return what a precision of ours and the user's side took, and their ratios."""
    rows = []
    for name, sequence in sequences.items():
        row = {"target": name, "residues": len(sequence)}
        row |= {"user_ms": stages_of(user, "targets", name), "ours_ms": stages_of(ours, "targets", name)}
        rows.append({**row, "ratio": sum(row["user_ms"]) / sum(row["ours_ms"])})  # type: ignore[arg-type]
    totals = [{row["target"]: sum(row[side]) for row in rows} for side in ("user_ms", "ours_ms")]
    user_together, ours_together = stages_of(user, "together"), stages_of(ours, "together")
    ours_ms = sum(totals[1].values())
    return {
        "targets": rows,
        "batch 1, median of the targets": ratio_of(*totals),
        "12 in a batch": sum(user_together) / sum(ours_together),
        "user_batch_1_total_ms": sum(totals[0].values()),
        "ours_batch_1_total_ms": ours_ms,
        "user_one_by_one_ms": user_together,
        "ours_batch_ms": ours_together,
        "geometry_share": sum(row["ours_ms"][2] for row in rows) / ours_ms,
    }


def told(stages_ms: list[float]) -> str:
    parts = ", ".join(f"{name} {value:.2f}" for name, value in zip(STAGES, stages_ms, strict=True))
    return f"{sum(stages_ms):.1f} ms ({parts})"


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--targets", type=Path, required=True, help="folder with the targets' PDB files")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each side in each turn (default 3)")
    parser.add_argument("--turns", type=int, default=3, help="processes of each side (default 3)")
    parser.add_argument("--precisions", nargs="+", default=["int16", "fp32"], help="of our weights (default both)")
    parser.add_argument("--side", help="measure this side alone (user, or a precision), for the turns")
    options = parser.parse_args()
    sequences = read_sequences(options.targets)
    if options.side:
        print(json.dumps(measure_side(sequences, options.side, options.rounds)))
        return
    moved = {weights: movement(sequences, weights, options.precisions) for weights in ("casp12", "larger")}
    for weights, worst in moved.items():
        said = ", ".join(f"{name} {value:.5f} A" for name, value in worst.items())
        print(f"worst dRMSD from float64, weights {weights}: {said}")
    common = ("--targets", str(options.targets), "--rounds", str(options.rounds))
    sides = in_turns({side: (*common, "--side", side) for side in ("user", *options.precisions)}, options.turns)
    results = {}
    for precision in options.precisions:
        result = compared(sequences, sides["user"], sides[precision])
        counts = max(worst[precision] for worst in moved.values()) < ALLOWED_DRMSD_A
        print(f"\n{precision}{'' if counts else ': does not count, the coordinates move too far'}")
        for row in result["targets"]:
            user, ours = told(row["user_ms"]), told(row["ours_ms"])
            print(f"{row['target']:>16} {row['residues']:4d}: user {user}, ours {ours}, ratio {row['ratio']:.2f}")
        print(
            f"one by one: user {told(result['user_one_by_one_ms'])}; ours in one batch {told(result['ours_batch_ms'])}"
        )
        for name, goal in TARGETS.items():
            met = counts and result[name] >= goal
            print(f"{name}: {result[name]:.2f}, at least {goal}: {'met' if met else 'missed'}")
        share = result["geometry_share"]
        print(f"geometry: {share:.1%}, at most {GEOMETRY_SHARE:.0%}: {'met' if share <= GEOMETRY_SHARE else 'missed'}")
        results[precision] = {**result, "counts": counts}
    counting = [result for result in results.values() if result["counts"]]
    best = max(counting, key=lambda result: result["batch 1, median of the targets"], default=None)
    print(
        json.dumps(
            {
                "what": f"features to backbone, 2 x 800 units, 12 targets, {torch.get_num_threads()} threads",
                "unit": "ms",
                "ours": best and best["ours_batch_1_total_ms"],
                "peer": best and best["user_batch_1_total_ms"],
                "ratio": best and best["batch 1, median of the targets"],
                "ratio_in_a_batch": best and best["12 in a batch"],
                "moved_a": moved,
                "cases": results,
            }
        )
    )


if __name__ == "__main__":
    raise SystemExit(watched(main))
