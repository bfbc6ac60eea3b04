"""Training frames a second of the CVAE against plain eager PyTorch, mdlearn and Keras, in turn on the same cores.

Every contestant is a process of its own (an allocator's settings hold for a whole process) that trains the same
architecture on the same frames in the same order. They take turns of a few steps (A B C D A B C D ...), nobody else
computes meanwhile; the figure is the median over all steps after the warm-up. After the same number of steps all are
evaluated on the same held-out frames. The frames are synthetic: CA chains of helix and coil.

    python benchmarks/cvae_training.py --peers-python /path/to/venv/bin/python

where the environment of the peers has mdlearn, keras and tensorflow-cpu (the extra `peers`). The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from undisturbed import watched

# rows, residues, batch, latent; 64 filters of 3x3, strides 1, 2, 1, 1, dense 128, RMSprop 1e-3
CASES = {"22x22": (22, 21, 256, 3), "28x28": (28, 28, 256, 10), "106x106": (106, 106, 32, 10)}
WARM_UP, TURN, MOST_TURNS = 2, 2, 15
PEERS = ("mdlearn", "keras", "keras-xla")
KEEP_BLOCKS = "glibc.malloc.mmap_threshold=4294967296:glibc.malloc.trim_threshold=4294967296"


def chains(n_frames: int, n_residues: int, seed: int) -> np.ndarray:
    """CA coordinates in nm of chains that are helix in some stretches and coil elsewhere."""
    rng = np.random.default_rng(seed)
    middle, width = rng.random((n_frames, 1)) * n_residues, rng.random((n_frames, 1)) * n_residues / 2
    helix = np.abs(np.arange(n_residues) - middle) < width
    angle = np.where(helix, np.radians(91.0), np.radians(118.0 + 8 * rng.standard_normal(helix.shape)))
    torsion = np.where(
        helix, np.radians(50.0 + 4 * rng.standard_normal(helix.shape)), rng.uniform(-np.pi, np.pi, helix.shape)
    )
    x = np.zeros((n_frames, n_residues, 3))
    x[:, 1, 0] = x[:, 2, 0] = 0.38
    x[:, 2, 1] = 0.38
    for i in range(3, n_residues):
        bond = x[:, i - 1] - x[:, i - 2]
        bond /= np.linalg.norm(bond, axis=1, keepdims=True)
        normal = np.cross(x[:, i - 2] - x[:, i - 3], bond)
        normal /= np.linalg.norm(normal, axis=1, keepdims=True)
        a, t = angle[:, i, None], torsion[:, i, None]
        step = -np.cos(a) * bond + np.sin(a) * (np.cos(t) * np.cross(normal, bond) + np.sin(t) * normal)
        x[:, i] = x[:, i - 1] + 0.38 * step
    return x


def reply(**values: Any) -> None:
    print(json.dumps(values), file=sys.__stdout__, flush=True)


class Turns:
    """The contestant's side: `after_step` is called after each step and waits when its turn is over."""

    def __init__(self, evaluate: Any) -> None:
        self.evaluate, self.left, self.seconds = evaluate, 0, []
        self.wait()
        self.start = time.perf_counter()

    def after_step(self) -> None:
        """Note the time of a step; at the end of the turn report and wait."""
        self.seconds.append(time.perf_counter() - self.start)
        self.left -= 1
        if self.left == 0:
            reply(seconds=self.seconds)
            self.seconds = []
            self.wait()
        self.start = time.perf_counter()

    def wait(self) -> None:
        """Obey until the next turn begins."""
        while True:
            command = json.loads(sys.stdin.readline() or '{"stop": true}')
            if "steps" in command:
                self.left = command["steps"]
                return
            if "evaluate" in command:
                reply(**self.evaluate())
                continue
            sys.exit(0)


def batches(frames: np.ndarray, batch: int):
    rng = np.random.default_rng(0)
    while True:
        order = rng.permutation(len(frames))
        for k in range(len(frames) // batch):
            yield frames[np.sort(order[k * batch : (k + 1) * batch])]


def serve_ours(data: Any, batch: int, latent: int) -> None:
    from levinthal.workloads.cvae.data.maps import PackedMaps
    from levinthal.workloads.cvae.inference import evaluate
    from levinthal.workloads.cvae.model.config import CVAEConfig
    from levinthal.workloads.cvae.model.network import CVAEModel
    from levinthal.workloads.cvae.model.precision import choose_execution
    from levinthal.workloads.cvae.training.loop import train
    from levinthal.workloads.cvae.training.settings import TrainingSettings

    size = int(data["size"])
    model = CVAEModel(CVAEConfig(size=size, latent=latent))
    train_maps, held_out = (PackedMaps(data[k], int(data["n_residues"]), size) for k in ("train_packed", "held_packed"))
    execution = choose_execution(model, "auto", batch)
    reply(ready=f"{execution.name} of {dict(execution.measured_frames_per_s)}")

    def losses() -> dict[str, float]:
        loss = evaluate(model, held_out, batch_size=batch, execution=execution)
        return {"reconstruction": loss.reconstruction, "kl": loss.kl}

    turns = Turns(losses)
    settings = TrainingSettings(steps=10**6, batch_size=batch)
    train(model, train_maps, settings, on_step=lambda step, loss: turns.after_step())


def serve_plain(data: Any, batch: int, latent: int) -> None:
    import torch
    from plain_cvae import PlainCVAE, convert_weights

    from levinthal.workloads.cvae.model.config import CVAEConfig
    from levinthal.workloads.cvae.model.network import CVAEModel, evidence_loss

    config = CVAEConfig(size=int(data["size"]), latent=latent)
    model = PlainCVAE(config)
    # ours starts from the same weights, sees the same batches and draws the same noise
    model.load_state_dict(convert_weights(CVAEModel(config).state_dict(), config, to_plain=True))
    optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3, alpha=0.9, eps=1e-8)
    train_maps, held_out = dense(data)
    held = torch.from_numpy(held_out)

    @torch.no_grad()
    def losses() -> dict[str, float]:
        noise = torch.randn(len(held), latent, generator=torch.Generator().manual_seed(0))
        parts = zip(held.split(batch), noise.split(batch), strict=True)
        loss = sum(len(maps) * torch.stack(evidence_loss(model(maps, drawn), maps)) for maps, drawn in parts)
        return {"reconstruction": float(loss[1]) / len(held), "kl": float(loss[2]) / len(held)}

    reply(ready=f"torch {torch.__version__}")
    turns = Turns(losses)
    noise = torch.Generator().manual_seed(0)
    for maps in batches(train_maps, batch):
        x = torch.from_numpy(maps)
        optimizer.zero_grad()
        evidence_loss(model(x, torch.randn(len(x), latent, generator=noise)), x).total.backward()
        optimizer.step()
        turns.after_step()


def serve_mdlearn(data: Any, batch: int, latent: int) -> None:
    """Mdlearn's model, losses and settings: RMSprop with weight decay 1e-5, gradient clipped at 10."""
    import torch
    from mdlearn.nn.models.vae.symmetric_conv2d_vae import SymmetricConv2dVAE

    size = int(data["size"])
    model = SymmetricConv2dVAE((1, size, size), None, [64] * 4, [3] * 4, [1, 2, 1, 1], [128], [0.0], latent)
    optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3, weight_decay=1e-5)
    train_maps, held_out = dense(data)
    held = torch.from_numpy(held_out)[:, None]

    @torch.no_grad()
    def losses() -> dict[str, float]:
        total = kl = 0.0
        for part in held.split(batch):
            _, decoded = model(part)
            total += float(torch.nn.functional.binary_cross_entropy(decoded, part, reduction="sum"))
            kl += float(model.kld_loss()) * len(part)
        return {"reconstruction": total / len(held), "kl": kl / len(held)}

    reply(ready=f"torch {torch.__version__}")
    turns = Turns(losses)
    for maps in batches(train_maps, batch):
        x = torch.from_numpy(maps)[:, None]
        _, decoded = model(x)
        loss = model.recon_loss(x, decoded) + model.kld_loss()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 10.0)
        optimizer.step()
        turns.after_step()


def serve_keras(data: Any, batch: int, latent: int, *, xla: bool) -> None:
    """Train in the lineage's own framework: the same objective as ours, one traced graph a step."""
    os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", KERAS_BACKEND="tensorflow")
    import keras
    import tensorflow as tf
    from keras import layers

    size = int(data["size"])
    maps_in = hidden = keras.Input((size, size, 1))
    for stride in (1, 2, 1, 1):
        hidden = layers.Conv2D(64, 3, strides=stride, padding="same", activation="relu")(hidden)
    small = hidden.shape[1]
    hidden = layers.Dense(128, activation="relu")(layers.Flatten()(hidden))
    encoder = keras.Model(maps_in, [layers.Dense(latent)(hidden), layers.Dense(latent)(hidden)])
    z_in = keras.Input((latent,))
    hidden = layers.Dense(small * small * 64, activation="relu")(layers.Dense(128, activation="relu")(z_in))
    hidden = layers.Reshape((small, small, 64))(hidden)
    for stride in (1, 1, 2):
        hidden = layers.Conv2DTranspose(64, 3, strides=stride, padding="same", activation="relu")(hidden)
    hidden = layers.Conv2DTranspose(1, 3, padding="same")(hidden)
    # "same" with stride 2 makes an even size: an odd map is cropped
    decoder = keras.Model(z_in, layers.Cropping2D(((0, 2 * small - size),) * 2)(hidden) if size % 2 else hidden)
    optimizer = keras.optimizers.RMSprop(1e-3, rho=0.9, epsilon=1e-8)
    variables = encoder.trainable_variables + decoder.trainable_variables
    optimizer.build(variables)

    def objective(x: Any) -> tuple[Any, Any]:
        mean, log_var = encoder(x, training=True)
        logits = decoder(mean + tf.exp(0.5 * log_var) * tf.random.normal(tf.shape(mean)), training=True)
        entropy = tf.nn.sigmoid_cross_entropy_with_logits(labels=x, logits=logits)
        kl = 0.5 * tf.reduce_sum(tf.exp(log_var) + tf.square(mean) - 1.0 - log_var, 1)
        return tf.reduce_mean(tf.reduce_sum(entropy, (1, 2, 3))), tf.reduce_mean(kl)

    @tf.function(jit_compile=xla)
    def step(x: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = sum(objective(x))
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return loss

    train_maps, held_out = dense(data)

    def losses() -> dict[str, float]:
        parts = [held_out[k : k + batch, ..., None] for k in range(0, len(held_out), batch)]
        sums = np.sum([[len(p) * float(v) for v in objective(tf.constant(p))] for p in parts], axis=0) / len(held_out)
        return {"reconstruction": sums[0], "kl": sums[1]}

    reply(ready=f"keras {keras.__version__}, tensorflow {tf.__version__}")
    turns = Turns(losses)
    for maps in batches(train_maps, batch):
        step(tf.constant(maps[..., None])).numpy()
        turns.after_step()


def serve_peaks() -> None:
    from levinthal.metrics.peaks import measure_peaks

    peaks = measure_peaks("cpu")
    reply(fp32=peaks.fp32_gflop_s, bf16=peaks.bf16_gflop_s)


def dense(data: Any) -> tuple[np.ndarray, np.ndarray]:
    return data["train"].astype(np.float32), data["held"].astype(np.float32)


def serve(kind: str, path: str, batch: int, latent: int) -> None:
    if kind == "peaks":
        serve_peaks()
        return
    with np.load(path) as file:
        data = dict(file)
    if kind.startswith("keras"):
        serve_keras(data, batch, latent, xla=kind == "keras-xla")
    else:
        {"ours": serve_ours, "plain": serve_plain, "mdlearn": serve_mdlearn}[kind](data, batch, latent)


class Contestant:
    """The driver's side of one process."""

    def __init__(self, kind: str, python: str, path: Path, batch: int, latent: int) -> None:
        environment = dict(os.environ)
        if kind == "mdlearn":
            environment["GLIBC_TUNABLES"] = KEEP_BLOCKS  # its best form: freed tensors are kept
        command = [python, __file__, "--serve", kind, str(path), str(batch), str(latent)]
        self.kind, self.seconds = kind, []
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        )

    def read(self) -> dict[str, Any]:
        """Return the next answer."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        message = self.process.communicate()[1].strip().splitlines()
        raise RuntimeError(f"{self.kind} stopped: {message[-1] if message else 'no message'}")

    def ask(self, **command: Any) -> dict[str, Any]:
        """Send a command and return its answer."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        return self.read()

    def stop(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.communicate()


def run_case(
    name: str, pythons: dict[str, str], budget_s: float, peaks: dict[str, float | None]
) -> list[dict[str, Any]]:
    from levinthal.proteins.contact_maps.maps import expand_contacts, pack_contacts
    from levinthal.workloads.cvae.model.config import CVAEConfig, flops_per_frame

    size, n_residues, batch, latent = CASES[name]
    gflop = flops_per_frame(CVAEConfig(size=size, latent=latent)) / 1e9
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "frames.npz"
        n_train, n_held = 8 * batch, 2 * batch
        packed = pack_contacts(chains(n_train + n_held, n_residues, seed=1))
        maps = expand_contacts(packed, n_residues, size).astype(np.uint8)
        np.savez(
            path, train=maps[:n_train], held=maps[n_train:], train_packed=packed[:n_train],
            held_packed=packed[n_train:], size=size, n_residues=n_residues,
        )  # fmt: skip
        running: list[Contestant] = []
        try:
            for kind, python in pythons.items():
                contestant = Contestant(kind, python, path, batch, latent)
                try:
                    print(f"{name} {kind}: {contestant.read()['ready']}", flush=True)
                    contestant.ask(steps=WARM_UP)
                    running.append(contestant)
                except RuntimeError as error:
                    if kind in ("ours", "plain"):
                        raise
                    print(f"{name}: {error}", flush=True)
                    contestant.stop()
            start, turns = time.perf_counter(), 0
            while turns < MOST_TURNS and (turns < 5 or time.perf_counter() - start < budget_s):
                for contestant in running:
                    contestant.seconds += contestant.ask(steps=TURN)["seconds"]
                turns += 1
            losses = {c.kind: c.ask(evaluate=True) for c in running}
        finally:
            for contestant in running:
                contestant.stop()
    steps = WARM_UP + TURN * turns
    result = []
    for contestant in running:
        median = statistics.median(contestant.seconds)
        low, high = np.percentile(contestant.seconds, [25, 75])
        rate, loss = batch / median, losses[contestant.kind]
        best = max(v for v in peaks.values() if v)
        result.append(
            {
                "case": name, "who": contestant.kind, "frames_per_s": round(rate, 1),
                "quartiles_frames_per_s": [round(float(batch / x), 1) for x in (high, low)],
                "gflop_s": round(rate * gflop, 1), "share_of_peak": round(rate * gflop / best, 3), "steps": steps,
                "held_out_reconstruction_nats": round(loss["reconstruction"], 2),
                "held_out_kl_nats": round(loss["kl"], 2),
            }
        )  # fmt: skip
        r = result[-1]
        print(
            f"{name:8s} {r['who']:10s} {r['frames_per_s']:8.1f} frames/s {r['quartiles_frames_per_s']} "
            f"{r['gflop_s']:7.1f} GFLOP/s {100 * r['share_of_peak']:5.1f} % of peak, held-out loss after {steps} steps "
            f"{r['held_out_reconstruction_nats']} + KL {r['held_out_kl_nats']}",
            flush=True,
        )
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers-python", default=sys.executable, help="interpreter that has the extra `peers`")
    parser.add_argument("--cases", default=",".join(CASES), help="which of them, separated by commas")
    parser.add_argument(
        "--against", default="plain,mdlearn,keras", help=f"which contestants beside ours, of plain, {', '.join(PEERS)}"
    )
    parser.add_argument("--seconds", type=float, default=100.0, help="for the turns of one case")
    parser.add_argument("--serve", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        kind, path, batch, latent = arguments.serve
        serve(kind, path, int(batch), int(latent))
        return
    measuring = Contestant("peaks", sys.executable, Path(), 0, 0)
    peaks = measuring.read()
    measuring.stop()
    print(f"peaks of matrix products, GFLOP/s: {peaks}", flush=True)
    pythons = {"ours": sys.executable}
    for kind in arguments.against.split(","):
        pythons[kind] = arguments.peers_python if kind in PEERS else sys.executable
    cases = [r for name in arguments.cases.split(",") for r in run_case(name, pythons, arguments.seconds, peaks)]

    def rate(name: str, *who: str) -> float | None:
        return max((c["frames_per_s"] for c in cases if c["case"] == name and c["who"] in who), default=None)

    names = arguments.cases.split(",")
    ratios = {
        label: {n: round(rate(n, "ours") / other, 2) for n in names if (other := rate(n, *who))}
        for label, who in (("peers", PEERS), ("plain", ("plain",)))
    }
    label = "peers" if ratios["peers"] else "plain"
    fastest = "the faster of mdlearn and Keras" if label == "peers" else "plain eager PyTorch"
    worst = min(ratios[label], key=ratios[label].get)
    print(
        json.dumps(
            {
                "ours": rate(worst, "ours"), "peer": rate(worst, *(PEERS if label == "peers" else ("plain",))),
                "ratio": ratios[label][worst], "ratio_to_plain_eager": min(ratios["plain"].values(), default=None),
                "ratios": ratios, "peaks_gflop_s": peaks, "cases": cases, "unit": "frames/s",
                "what": f"CVAE training against {fastest}, worst case {worst}",
            }
        )
    )  # fmt: skip


if __name__ == "__main__":
    raise SystemExit(watched(main))
