"""The transfer study: frames from simulation to learner by each route, in each form, from one or several senders.

A point is a session of processes of its own (`levinthal.metrics.transfer`): every message once with its checksum,
single messages for the latency, then as many as fit in a time. A route that cannot be used here says why and costs no
other.
"""

from __future__ import annotations

import hashlib
import shutil
import statistics
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from levinthal.errors import DataError, UsageError
from levinthal.harness.contract.plans import Plans
from levinthal.harness.contract.sends import Sends
from levinthal.harness.contract.settings import Settings
from levinthal.harness.contract.workload import Workload
from levinthal.harness.results.grid import Axis, Drawing, Point, StudyPlan
from levinthal.harness.study.kept import Measured
from levinthal.harness.study.kind import Bench, Figure, GateValue, Ratio, Study
from levinthal.metrics.transfer.limits import limit_bytes_s
from levinthal.metrics.transfer.route import ROUTES, Load
from levinthal.metrics.transfer.session import carry, carry_through_a_kill
from levinthal.metrics.transfer.store import MessageStore

_ROUTE, _PAYLOAD, _BEADS, _SENDERS = "route", "payload", "beads", "senders"
_BANDWIDTH, _LATENCY, _FRAMES, _SHARE = "bandwidth", "latency", "frames end to end", "share of the medium"
_ALONE = "same-process"
_MOST_BYTES = 1 << 27
_HASHED = 64
"""Frames whose checksum names the data."""

_WORDS = {"source": "from"}


class TransferOptions(Settings):
    """What a transfer study varies."""

    routes: tuple[str, ...] = Field(default=(), description="Which routes; all by default.")
    payloads: tuple[str, ...] = Field(
        default=("coordinates", "dense-float64", "bit-packed"), min_length=1, description="Forms of the frames."
    )
    beads: tuple[int, ...] = Field(
        default=(28, 1024), min_length=1, description="Residues (or atoms) of a frame; 23558 is a4x's system."
    )
    senders: tuple[int, ...] = Field(default=(1,), min_length=1, description="Simulations that send to one learner.")
    frames: int = Field(default=10_000, ge=1, description="Frames that are sent; as many as fit into 128 MiB.")
    frames_of_message: int = Field(default=100, ge=1, description="Frames that travel together, as those of a chunk.")
    seconds: float = Field(default=0.5, gt=0, description="How long each bandwidth is timed.")
    kill: bool = Field(default=False, description="Kill each receiver too, count what it lost and send it again.")
    source: str = Field(default="", description="A run of the workload: how fast it simulates, infers and trains.")


class TransferRecord(BaseModel):
    """What a session measured.

    Attributes
    ----------
    frames_of_message : int
    n_messages, wrong : int
        Sent once with a checksum, and those that arrived otherwise than they were sent, or not at all.
    bytes_of_frame, write_s, read_s : float
        Of one frame: what travels, and the time to write it down and to read it.
    latency_s : tuple of float
    bytes_s, limit_bytes_s : float or None
        Payload of the timed phase, and what the medium carries at best.
    lost, sent_again, missing : int or None
        With a killed receiver; None where none was killed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    frames_of_message: int
    n_messages: int
    wrong: int
    bytes_of_frame: float
    write_s: float
    read_s: float
    latency_s: tuple[float, ...]
    bytes_s: float | None
    limit_bytes_s: float | None
    lost: int | None = None
    sent_again: int | None = None
    missing: int | None = None

    @property
    def frame_s(self) -> float | None:
        """Seconds a frame takes from coordinates to what the learner takes, one step after the other."""
        return None if not self.bytes_s else self.write_s + self.bytes_of_frame / self.bytes_s + self.read_s


class TransferStudy(Study[TransferRecord]):
    """Frames from simulation to learner by each route."""

    Options = TransferOptions
    Record = TransferRecord
    options: TransferOptions

    def __init__(self, workload: Workload, options: TransferOptions) -> None:
        super().__init__(workload, options)
        if not isinstance(workload, Sends):
            raise UsageError(f"workload {workload.name!r} sends no frames: it does not offer levinthal.harness.Sends")
        self.sends = workload
        self.routes = options.routes or ROUTES.names()
        ROUTES.check(self.routes)
        for payload in options.payloads:
            if payload not in workload.payloads:
                raise UsageError(f"payload {payload!r} is unknown: choose among {', '.join(workload.payloads)}")
        if min(*options.beads, *options.senders, 1) < 1:
            raise UsageError("beads and senders are numbers from 1 on")

    def plan(self) -> StudyPlan:
        """Return the axes route, payload, beads and senders."""
        options = self.options
        given = {_WORDS.get(key, key): getattr(options, key) for key in sorted(options.model_fields_set - {"kill"})}
        words = {key: ",".join(map(str, each)) if isinstance(each, tuple) else str(each) for key, each in given.items()}
        return StudyPlan(
            kind="transfers",
            axes=(
                Axis(name=_BEADS, values=options.beads, title="beads of a frame"),
                Axis(name=_SENDERS, values=options.senders, counted="sender"),
                Axis(name=_PAYLOAD, values=options.payloads),
                Axis(name=_ROUTE, values=tuple(self.routes)),
            ),
            command=("transfer",),
            arguments=(
                *(word for key, text in words.items() for word in (f"--{key.replace('_', '-')}", text)),
                *(("--kill",) if options.kill else ()),
            ),
            drawing=Drawing(
                title="Transfer", shape="bars" if len(options.payloads) == 1 else "map", across=_ROUTE,
                along="" if len(options.payloads) == 1 else _PAYLOAD, figures=(_BANDWIDTH, _LATENCY, _FRAMES),
                lead="Frames from simulation to learner. Each route is held against what its medium carries at best "
                "here; end to end is from coordinates to what the learner takes.",
                shares=(_SHARE,), headline=(_BANDWIDTH, _LATENCY),
            ),
        )  # fmt: skip

    def measure(self, bench: Bench, point: Point, file: Path) -> TransferRecord:
        """Write the frames down, carry them, and read them."""
        payload, n_beads, route = str(point[_PAYLOAD]), int(point[_BEADS]), str(point[_ROUTE])
        size = self.sends.bytes_of_frame(payload, n_beads)
        per_message = max(1, min(self.options.frames_of_message, self.options.frames, (1 << 22) // max(size, 1)))
        n_messages = max(int(point[_SENDERS]), min(self.options.frames, _MOST_BYTES // max(size, 1)) // per_message)
        folder = file.with_suffix("")
        shutil.rmtree(folder, ignore_errors=True)  # of a point that was cut off
        folder.mkdir(parents=True)
        try:
            with bench.run.phase(bench.plan.words(point), items=n_messages * per_message):
                frames = self.sends.frames_to_send(n_messages * per_message, n_beads, bench.terms.seed)
                parts = [frames[k * per_message : (k + 1) * per_message] for k in range(n_messages)]
                write_s = _median_s(lambda part: self.sends.to_bytes(payload, part), parts[:5]) / per_message
                store = MessageStore.write(folder, (self.sends.to_bytes(payload, part) for part in parts))
                views = [store.view(k) for k in range(min(5, n_messages))]
                read_s = _median_s(lambda view: self.sends.from_bytes(payload, view, n_beads), views) / per_message
                limit = limit_bytes_s(ROUTES.load(route).medium, store, folder) if self._here(route) else None
                load = Load(route, str(folder / "session"), str(folder), tuple(range(n_messages)),
                            int(point[_SENDERS]), seconds=self.options.seconds)  # fmt: skip
                found = carry(load)
                if found.begun_again:
                    bench.run.warn(
                        f"{bench.plan.words(point)}: an end was killed by a signal before the first message, and the "
                        f"session was begun again ({found.begun_again} of at most 2 times)."
                    )
                killed = self._killed(load, folder)
        finally:
            for each in folder.rglob("*.bin"):
                each.unlink()
        return TransferRecord(
            frames_of_message=per_message, n_messages=n_messages, wrong=found.wrong + n_messages - found.checked,
            bytes_of_frame=sum(row.n_bytes for row in store.rows) / (n_messages * per_message), write_s=write_s,
            read_s=read_s, latency_s=tuple(found.latency_s), bytes_s=found.bytes_s, limit_bytes_s=limit, **killed,
        )  # fmt: skip

    @staticmethod
    def _here(route: str) -> bool:
        if ROUTES.load(route).medium != "gpu":
            return True
        import torch

        return torch.cuda.is_available()

    def _killed(self, load: Load, folder: Path) -> dict[str, int]:
        if not self.options.kill or not ROUTES.load(load.route).sends:
            return {}
        killed = carry_through_a_kill(replace(load, folder=str(folder / "killed")))
        return {"lost": killed.lost, "sent_again": killed.sent_again, "missing": killed.missing}

    def figures(self) -> Sequence[Figure[TransferRecord] | Ratio]:
        """Return bandwidth and its share of the medium's, latency, bytes, and the time to write and read a frame."""
        killed: tuple[Figure[TransferRecord], ...] = ()
        if self.options.kill:
            killed = (Figure("messages lost with a receiver", "1", "lower", lambda _, record: record.lost),
                      Figure("messages sent again", "1", "lower", lambda _, record: record.sent_again))  # fmt: skip
        return (
            Figure(_BANDWIDTH, "MB/s", "higher", lambda _, record: _over(record.bytes_s, 1e6)),
            Figure(_SHARE, "1", "higher", lambda _, record: _over(record.bytes_s, record.limit_bytes_s)),
            Figure(_LATENCY, "ms", "lower", lambda _, record: _milliseconds(record)),
            Figure(_FRAMES, "frame/s", "higher", lambda _, record: _over(1.0, record.frame_s)),
            Figure("bytes of a frame", "B", "lower", lambda _, record: record.bytes_of_frame),
            Figure("writing a frame", "us", "lower", lambda _, record: 1e6 * record.write_s),
            Figure("reading a frame", "us", "lower", lambda _, record: 1e6 * record.read_s),
            *killed,
        )

    def samples(self, record: TransferRecord) -> Mapping[str, tuple[Sequence[float], str]]:
        """Return the latencies of single messages."""
        return {"message latency": ([1e3 * each for each in record.latency_s], "ms")} if record.latency_s else {}

    def gates(self, plan: StudyPlan, measured: Measured[TransferRecord]) -> Iterable[GateValue]:
        """Yield that everything arrived as it was sent, and that nothing is missing after a kill."""
        del plan
        records = measured.records.values()
        yield GateValue(
            "messages that did not arrive as they were sent", float(sum(r.wrong for r in records)), at_most=0
        )
        if killed := [record.missing for record in records if record.missing is not None]:
            yield GateValue("messages missing after a killed receiver", float(sum(killed)), at_most=0)

    def conclude(self, bench: Bench, measured: Measured[TransferRecord]) -> StudyPlan:
        """Say what travelled, where the best route changes, and which stage bounds the loop."""
        every = hashlib.sha256()
        for n_beads in self.options.beads:
            every.update(np.ascontiguousarray(self.sends.frames_to_send(_HASHED, n_beads, bench.terms.seed)).tobytes())
        bench.run.dataset("frames of a random chain", version="1", sha256=every.hexdigest(), synthetic=True)
        for common, rivals in _rivals(measured.records).items():
            for sentence in best_routes(rivals):
                bench.run.finding(f"{bench.plan.words(common)}: {sentence}")
        for sentence in self._bounds(bench, measured.records):
            bench.run.finding(sentence)
        return bench.plan

    def _bounds(self, bench: Bench, records: Mapping[Point, TransferRecord]) -> Iterator[str]:
        if not self.options.source:
            bench.run.note("Which stage bounds the loop was not measured: name a run of the workload by --from.")
            return
        if not isinstance(self.workload, Plans):
            raise DataError(f"workload {self.workload.name} does not say how long its stages take")
        times = self.workload.stage_times(Path(self.options.source))
        frames = times["frames_of_chunk"]
        rates = {"simulation, each replica": frames / statistics.median(times["chunk_s"])}
        if times["embed_frame_s"]:
            rates["inference"] = 1.0 / times["embed_frame_s"]
        if times["training_s"]:
            rates["training, each frame once"] = times["training_frames"][-1] / times["training_s"][-1]
        best = max(
            (point for point in records if records[point].frame_s),
            key=lambda p: 1 / (records[p].frame_s or 1),
            default=None,
        )
        if best is not None:
            rates[f"transfer ({bench.plan.words(best)})"] = 1.0 / (records[best].frame_s or 1.0)
        told = "; ".join(f"{name} {rate:,.3g} frames/s" for name, rate in rates.items())
        shared = {name: rate for name, rate in rates.items() if not name.startswith("simulation")}
        replica = rates["simulation, each replica"]
        if shared:
            bound = min(shared, key=shared.__getitem__)
            n = shared[bound] / replica
            yield f"{told}: up to {n:,.3g} replicas simulation bounds the loop, beyond that {bound}."


def best_routes(rivals: Mapping[str, TransferRecord]) -> Iterator[str]:
    """Yield which route brings a message of each of N simulations soonest, and at which N that changes.

    N messages that come together take the latency of one and the time of N at the bandwidth. An ensemble is more than
    one process, so the route within one is left out.

    Parameters
    ----------
    rivals : mapping of str to TransferRecord
        Of routes, all else alike.
    """
    terms = {
        name: (statistics.median(record.latency_s), record.frames_of_message * record.bytes_of_frame / record.bytes_s)
        for name, record in rivals.items()
        if name != _ALONE and record.bytes_s and record.latency_s
    }
    if len(terms) < 2:
        return

    def at(n: float) -> str:
        return min(terms, key=lambda name: terms[name][0] + n * terms[name][1])

    crossings = sorted(
        n
        for (a, slope_a), (b, slope_b) in combinations(terms.values(), 2)
        if slope_a != slope_b and (n := (b - a) / (slope_a - slope_b)) > 1
    )
    best, changes = at(1), []
    for n in crossings:
        if (then := at(n * (1 + 1e-9))) != best:
            changes.append(f"beyond {n:,.3g} simulations {then}")
            best = then
    first = at(1)
    yield (
        f"soonest is {first}, at every size of the ensemble"
        if not changes
        else f"soonest is {first}; {', '.join(changes)}"
    )


def _rivals(records: Mapping[Point, TransferRecord]) -> dict[Point, dict[str, TransferRecord]]:
    groups: dict[Point, dict[str, TransferRecord]] = {}
    for point, record in records.items():
        groups.setdefault(point.on(_BEADS, _SENDERS, _PAYLOAD), {})[str(point[_ROUTE])] = record
    return groups


def _median_s(do: Any, things: Sequence[Any]) -> float:
    """Return the median time of doing something; the first warms up."""
    do(things[0])
    spent = []
    for thing in things:
        began = time.perf_counter()
        do(thing)
        spent.append(time.perf_counter() - began)
    return statistics.median(spent)


def _over(value: float | None, by: float | None) -> float | None:
    return None if value is None or not by else value / by


def _milliseconds(record: TransferRecord) -> float | None:
    return 1e3 * statistics.median(record.latency_s) if record.latency_s else None


STUDY = TransferStudy
