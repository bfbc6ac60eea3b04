"""Milliseconds to place the backbone atoms of proteins, and to differentiate: ours against what others would run.

Contestants: our compiled loops and our scan; a sequential NeRF loop in torch, batched, as a user would write it; and,
from the interpreter named by --peers-python, sidechainnet's backbone of its fast structure build and mp-nerf's
`protein_fold` without side chains (it has no backward; neither has batches). Each is a process of its own on the same
dihedrals with ideal bonds, float32, and may use two threads; a peer is tried with one and with two and its faster form
counts. They take turns (A B C A B C ...); medians are compared, quartiles shown. Before anything is timed all distances
between the first protein's atoms are compared with those of a sequential build in float64.

    python benchmarks/backbone.py --peers-python /path/to/venv/bin/python

where the environment of the peers has sidechainnet and mp-nerf. The last line is JSON.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from undisturbed import watched

LENGTHS_NM = (0.145801, 0.152326, 0.132868)  # N-CA, CA-C, C-N
ANGLES_RAD = (2.124, 1.941, 2.028)  # C-N-CA, N-CA-C, CA-C-N
THREADS = 2
OURS = ("kernels", "scan")
HERE, PEERS = (*OURS, "sequential"), ("sidechainnet", "mp-nerf")
LEAST_TURN_S = 0.03
# (peer, batch, least ratio) at 700 residues, forward and forward + backward alike
ASKED = (("sequential", 32, 30.0), ("sidechainnet", 32, 8.0), ("sidechainnet", 1, 2.0))

Build = Callable[[Tensor], Tensor]


def sequential_nerf(dihedrals: Tensor) -> Tensor:
    """Place one atom of all proteins after the other: the textbook's natural extension of reference frames."""
    size, n, _ = dihedrals.shape
    chi = dihedrals.reshape(size, 3 * n)
    theta = torch.tensor(ANGLES_RAD, dtype=chi.dtype)
    length = torch.tensor(LENGTHS_NM, dtype=chi.dtype)
    bend_cosine, bend_sine = length * torch.cos(math.pi - theta), length * torch.sin(math.pi - theta)
    local = torch.stack(
        [
            bend_cosine.repeat(n).expand_as(chi),
            bend_sine.repeat(n) * torch.cos(chi),
            bend_sine.repeat(n) * torch.sin(chi),
        ],
        dim=-1,
    )
    third = [float(length[0] + bend_cosine[1]), float(bend_sine[1]), 0.0]
    first = torch.tensor([[0.0, 0, 0], [float(length[0]), 0, 0], third], dtype=chi.dtype)
    atoms = [atom.expand(size, 3) for atom in first]
    for place in local.unbind(1)[2:-1]:
        a, b, c = atoms[-3:]
        bond = c - b
        normal = torch.linalg.cross(b - a, bond)
        frame = torch.stack([bond, torch.linalg.cross(normal, bond), normal], dim=1)
        frame = frame / frame.norm(dim=-1, keepdim=True)
        atoms.append(c + (place[:, None] @ frame)[:, 0])
    return torch.stack(atoms, dim=1).view(size, n, 3, 3)


def ours(method: str) -> Build:
    from levinthal.proteins.geometry.backbone import build_backbone

    return lambda dihedrals: build_backbone(dihedrals, method=method)  # type: ignore[arg-type]


def sidechainnet() -> Build:
    """Its two autograd functions and no more than they need: leaner than its own entry, which adds side chains."""
    # the file alone: the package imports pkg_resources, which new environments lack, and the file needs only torch
    package = importlib.util.find_spec("sidechainnet")
    if package is None or not package.submodule_search_locations:
        raise ModuleNotFoundError("sidechainnet")
    file = Path(package.submodule_search_locations[0]) / "structure" / "fastbuild_matrices.py"
    spec = importlib.util.spec_from_file_location("fastbuild_matrices", file)
    assert spec is not None
    assert spec.loader is not None
    matrices = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(matrices)
    theta = math.pi - torch.tensor([ANGLES_RAD[2], *ANGLES_RAD[:2]])
    length = torch.tensor([LENGTHS_NM[2], *LENGTHS_NM[:2]])
    origin = torch.tensor([0.0, 0, 0, 1])

    def one(dihedrals: Tensor) -> Tensor:
        n = len(dihedrals)
        chi = torch.cat([dihedrals.new_zeros(1), -dihedrals.reshape(-1)[:-1]])
        lengths = length.repeat(n)
        lengths[0] = 0
        transforms = matrices.MakeTMats.apply(
            theta.cos().repeat(n), theta.sin().repeat(n), torch.cos(chi), torch.sin(chi), lengths
        )
        return (matrices.MakeBackbone.apply(transforms) @ origin)[:, :3].reshape(n, 3, 3)

    return lambda dihedrals: torch.stack([one(protein) for protein in dihedrals])


def mp_nerf() -> Build:
    """Compute in A: its first residue has fixed bonds, 0.1 % off ours."""
    from mp_nerf.proteins import protein_fold

    def one(dihedrals: Tensor) -> Tensor:
        n = len(dihedrals)
        atoms = torch.zeros(n, 14, dtype=torch.bool)
        atoms[:, :3] = True
        bonds, angles = torch.zeros(n, 14), torch.zeros(2, n, 14)
        for k, place in enumerate((1, 2, 0)):
            bonds[:, place] = 10 * LENGTHS_NM[k]
            angles[0, :, place] = ANGLES_RAD[k]
            angles[1, :, place] = dihedrals[:, k]
        return protein_fold(atoms, torch.zeros(3, n, 11, dtype=torch.long), angles, bonds)[0][:, :3] / 10

    return lambda dihedrals: torch.stack([one(protein) for protein in dihedrals])


def serve(kind: str) -> None:
    """Be a contestant: answer each line of standard input with a line of JSON."""

    def reply(**values: Any) -> None:
        print(json.dumps(values), file=sys.__stdout__, flush=True)

    builders = {"sequential": lambda: sequential_nerf, "sidechainnet": sidechainnet, "mp-nerf": mp_nerf}
    build = ours(kind) if kind in OURS else builders[kind]()
    reply(ready=f"torch {torch.__version__}")
    for line in sys.stdin:
        command = json.loads(line)
        torch.set_num_threads(command["threads"])
        dihedrals = torch.from_numpy(np.load(command["path"]))
        weight = torch.from_numpy(np.random.default_rng(1).normal(size=(*dihedrals.shape, 3)).astype(np.float32))
        if "save" in command:
            with torch.no_grad():
                np.save(command["save"], build(dihedrals[:1])[0].double().numpy())
            reply(saved=True)
            continue

        def forward(dihedrals: Tensor = dihedrals) -> None:
            with torch.no_grad():
                build(dihedrals)

        def both(dihedrals: Tensor = dihedrals, weight: Tensor = weight) -> None:
            leaf = dihedrals.detach().requires_grad_()
            build(leaf).backward(weight)

        run = both if command["backward"] else forward
        run()  # not counted: threads wake, memory is fetched
        seconds: list[float] = []
        while sum(seconds) < LEAST_TURN_S:
            began = time.perf_counter()
            run()
            seconds.append(time.perf_counter() - began)
        reply(seconds=seconds)


class Contestant:
    """A contestant's process, seen from the judge."""

    def __init__(self, kind: str, python: str) -> None:
        self.kind, self.last_error = kind, tempfile.TemporaryFile("w+")  # noqa: SIM115
        self.process = subprocess.Popen(
            [python, str(Path(__file__).resolve()), "--serve", kind],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.last_error, text=True,
        )  # fmt: skip

    def read(self) -> dict[str, Any]:
        """Return the next answer."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        self.last_error.seek(0)
        message = self.last_error.read().strip().splitlines()
        raise RuntimeError(f"{self.kind} stopped: {message[-1] if message else 'no message'}")

    def ask(self, **command: Any) -> dict[str, Any]:
        """Send a command and return its answer."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(command, default=str) + "\n")
        self.process.stdin.flush()
        return self.read()

    def stop(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.communicate()
        self.last_error.close()


def largest_difference(atoms: np.ndarray, expected: np.ndarray) -> float:
    """Return the largest difference between the distances within two structures, in nm."""
    x, y = atoms.reshape(-1, 3), expected.reshape(-1, 3)
    return max(
        float(np.abs(np.linalg.norm(x - x[k], axis=1) - np.linalg.norm(y - y[k], axis=1)).max()) for k in range(len(x))
    )


def measure(
    contestants: list[Contestant], path: Path, batch: int, n_residues: int, backward: bool, rounds: int
) -> dict[str, dict[str, Any]]:
    """Return the milliseconds of each contestant."""
    common = {"path": path, "backward": backward}
    running = [c for c in contestants if not (backward and c.kind == "mp-nerf")]
    threads: dict[str, int] = {}
    for contestant in running:
        forms = (THREADS,) if contestant.kind in OURS else (1, THREADS)
        tried = {
            count: min(min(contestant.ask(threads=count, **common)["seconds"]) for _ in range(2)) for count in forms
        }
        threads[contestant.kind] = min(tried, key=lambda count: tried[count])
    seconds: dict[str, list[float]] = {c.kind: [] for c in running}
    for _ in range(rounds):
        for contestant in running:
            seconds[contestant.kind] += contestant.ask(threads=threads[contestant.kind], **common)["seconds"]
    result = {}
    for kind, values in seconds.items():
        low, high = np.percentile(values, [25, 75])
        result[kind] = {
            "ms": round(1e3 * statistics.median(values), 4),
            "quartiles_ms": [round(1e3 * float(low), 4), round(1e3 * float(high), 4)],
            "calls": len(values),
            "threads": threads[kind],
        }
        r = result[kind]
        print(
            f"batch {batch:2d}, {n_residues:4d} residues, {'forward + backward' if backward else 'forward':18s} "
            f"{kind:12s} {r['ms']:9.3f} ms {r['quartiles_ms']} ({r['threads']} threads, {r['calls']} calls)",
            flush=True,
        )
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers-python", help="interpreter that has sidechainnet and mp-nerf (default: no peers)")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 32], help="proteins at once (default 1 32)")
    parser.add_argument("--residues", type=int, nargs="+", default=[300, 700], help="lengths (default 300 700)")
    parser.add_argument("--rounds", type=int, default=7, help="turns of each contestant (default 7)")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.serve)
        return
    pythons = dict.fromkeys(HERE, sys.executable)
    if arguments.peers_python:
        pythons |= dict.fromkeys(PEERS, arguments.peers_python)
    contestants: list[Contestant] = []
    cases: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        try:
            for kind, python in pythons.items():
                contestant = Contestant(kind, python)
                try:
                    print(f"{kind}: {contestant.read()['ready']}", flush=True)
                    contestants.append(contestant)
                except RuntimeError as error:
                    contestant.stop()
                    if kind in HERE:
                        raise
                    print(f"{error}: not measured", flush=True)
            for n_residues in arguments.residues:
                rng = np.random.default_rng(n_residues)
                path = Path(folder) / "dihedrals.npy"
                dihedrals = rng.uniform(-math.pi, math.pi, (max(arguments.batches), n_residues, 3)).astype(np.float32)
                np.save(path, dihedrals)
                expected = sequential_nerf(torch.from_numpy(dihedrals[:1]).double())[0].numpy()
                for contestant in contestants:
                    saved = Path(folder) / "atoms.npy"
                    contestant.ask(save=saved, path=path, threads=1)
                    error = largest_difference(np.load(saved), expected)
                    print(f"{n_residues} residues, {contestant.kind}: distances right to {error:.1e} nm", flush=True)
                    if error > 2e-3:
                        raise SystemExit(f"{contestant.kind} places other atoms: no figures")
                for batch in arguments.batches:
                    np.save(path, dihedrals[:batch])
                    for backward in (False, True):
                        found = measure(contestants, path, batch, n_residues, backward, arguments.rounds)
                        cases.append({"batch": batch, "residues": n_residues, "backward": backward, "who": found})
        finally:
            for contestant in contestants:
                contestant.stop()
    for case in cases:
        ms = {kind: figures["ms"] for kind, figures in case["who"].items()}
        case["ratios"] = {peer: round(ms[peer] / ms["kernels"], 1) for peer in ms if peer not in OURS}
        case["scan_ratios"] = {peer: round(ms[peer] / ms["scan"], 1) for peer in ms if peer not in OURS}
    report(cases)


def report(cases: list[dict[str, Any]]) -> None:
    """Print the ratios beside what is asked of them, and all as JSON."""
    verdicts = []
    for peer, batch, least in ASKED:
        for case in cases:
            if case["batch"] != batch or case["residues"] != 700 or peer not in case["ratios"]:
                continue
            direction = "forward + backward" if case["backward"] else "forward"
            ratio = case["ratios"][peer]
            verdicts.append(
                {"peer": peer, "batch": batch, "direction": direction, "ratio": ratio, "asked": least,
                 "scan_ratio": case["scan_ratios"][peer], "met": ratio >= least}
            )  # fmt: skip
            print(
                f"batch {batch}, 700 residues, {direction}: {ratio:.1f} times {peer} (scan "
                f"{case['scan_ratios'][peer]:.1f}), asked {least:g}: {'met' if ratio >= least else 'MISSED'}"
            )
    worst = min(verdicts, key=lambda v: v["ratio"] / v["asked"], default=None)
    print(
        json.dumps(
            {
                "what": f"backbone from dihedrals, float32, {THREADS} threads, compiled loops against peers",
                "unit": "ms", "ratio": worst and worst["ratio"], "worst": worst, "lines": verdicts, "cases": cases,
            }
        )
    )  # fmt: skip


if __name__ == "__main__":
    raise SystemExit(watched(main))
