"""The model in use, the policy that is asked, and the record of what it said."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from levinthal.errors import UsageError
from levinthal.workloads.sampling.learners.learner import Model
from levinthal.workloads.sampling.loop.plan import CampaignPlan
from levinthal.workloads.sampling.loop.progress import Progress, Walker
from levinthal.workloads.sampling.loop.retraining import Retraining
from levinthal.workloads.sampling.loop.task import decision_rng, refresh_rng, round_rng
from levinthal.workloads.sampling.policies.view import START, Decision, Policy, View
from levinthal.workloads.sampling.record.rows import DecisionRow
from levinthal.workloads.sampling.record.writer import CampaignWriter


class Decisions:
    """Says what a walker does next, by the policy and the newest model there is.

    Parameters
    ----------
    policy : Policy
        Who is asked.
    plan : CampaignPlan
        How the campaign is run.
    record : CampaignWriter
        Where every decision and every model is written down.
    progress : Progress
        Walkers and frames.
    retraining : Retraining or None
        Makes models beside the simulations; without it the embedding has no columns.
    """

    def __init__(
        self,
        policy: Policy,
        plan: CampaignPlan,
        record: CampaignWriter,
        progress: Progress,
        retraining: Retraining | None,
    ) -> None:
        self._policy, self._plan, self._record, self._progress = policy, plan, record, progress
        self._retraining = retraining
        self._with_states = any(getattr(policy, each, False) for each in ("wants_answer", "wants_event"))
        self._model: Model | None = None
        self._refreshed_frames, self._refreshed_version = 0, -1

    def look_for_model(self) -> None:
        """Begin a training that is due; take a model that has become ready, and embed all frames by it."""
        if self._retraining is None:
            return
        trained = self._retraining.poll(self._progress.table.trajectory)
        if trained is None:
            return
        self._model = trained.model
        self._progress.table.adopt(trained.embedding, trained.row.version, trained.row.n_frames)
        self._embed()
        self._record.add(replace(trained.row, adopted=time.time()))

    def _embed(self) -> None:
        table = self._progress.table
        if self._model is not None and table.n_embedded < self._record.n_frames:
            frames = np.asarray(self._record.frames[table.n_embedded :], np.float32)
            table.embed(np.asarray(self._model.embed(frames), np.float32))

    def _look(self) -> tuple[View, float, float]:
        """Return what the policy may look at, after its look at all frames where that is due; seconds of both."""
        clock = time.perf_counter()
        self._embed()
        embed_s = time.perf_counter() - clock
        table, n_frames = self._progress.table, self._record.n_frames
        view = table.view(self._record.frames)
        if self._with_states:
            view = replace(view, states=self._record.states)
        grown = n_frames >= self._plan.refresh_growth * self._refreshed_frames
        if grown or self._refreshed_version != table.model_version:
            self._policy.refresh(view, refresh_rng(self._plan.seed, n_frames))
            self._refreshed_frames, self._refreshed_version = n_frames, table.model_version
        return view, embed_s, time.perf_counter() - clock - embed_s

    def decide(self, walker: Walker) -> None:
        """Ask the policy about the walker's next chunk that is not yet submitted.

        Raises
        ------
        UsageError
            It chose a frame that is not there.
        """
        if walker.pending is not None and walker.pending.frame is not None:
            return  # a restart was decided upon one chunk ago and holds
        clock = time.perf_counter()
        refresh_s = embed_s = 0.0
        if self._retraining is not None and self._model is None:
            decision = Decision(None, "there is no model yet", None)
        else:
            view, embed_s, refresh_s = self._look()
            rng = decision_rng(self._plan.seed, walker.number, walker.position)
            decision = self._policy.decide(walker.number, view, rng)
        decide_s = time.perf_counter() - clock - embed_s - refresh_s
        self.write_down({walker.number: decision}, self._policy.name, (embed_s, refresh_s, decide_s))

    def resample(self) -> None:
        """Ask a policy that keeps weights about the next chunks of all walkers, which have made as many.

        Raises
        ------
        UsageError
            It chose a frame that is not there, or weights of another sum.
        """
        clock, walkers = time.perf_counter(), self._progress.walkers
        view, embed_s, refresh_s = self._look()
        weights = np.array([walker.weight for walker in walkers], np.float64)
        view = replace(view, weights=weights, chunk_frames=self._plan.chunk_steps // self._plan.frame_interval)
        found = self._policy.resample(view, round_rng(self._plan.seed, walkers[0].position))  # type: ignore[attr-defined]
        given = [math.nan if each.weight is None else float(each.weight) for each in found]
        if len(given) != len(weights) or not min(given) >= 0.0 or not math.isclose(sum(given), weights.sum()):
            raise UsageError(
                f"policy {self._policy.name} gave {len(given)} walkers the weight {sum(given):.9g} in all: there are "
                f"{len(weights)}, and theirs is {weights.sum():.9g}"
            )
        times_s = (embed_s, refresh_s, time.perf_counter() - clock - embed_s - refresh_s)
        self.write_down(dict(enumerate(found)), self._policy.name, times_s)

    def write_down(
        self, decided: Mapping[int, Decision], policy: str, times_s: tuple[float, float, float] = (0.0, 0.0, 0.0)
    ) -> None:
        """Record decisions about the next chunks of some walkers, all or none; they hold until those are submitted.

        Parameters
        ----------
        decided : mapping of int to Decision
            By walker.
        policy : str
            Who decided.
        times_s : tuple of float
            Of embedding, of the policy's look at all frames, and of deciding; written down with the first.

        Raises
        ------
        UsageError
            A frame that is not there.
        """
        table, n_frames = self._progress.table, self._record.n_frames
        rows: list[DecisionRow] = []
        for number, decision in decided.items():
            frame = None if decision.frame is None else int(decision.frame)
            if frame is not None and frame != START and not 0 <= frame < n_frames:
                raise UsageError(f"policy {policy} chose frame {frame}: there are {n_frames}")
            row = DecisionRow(
                number=self._record.n_decisions + len(rows),
                walker=number,
                position=self._progress.walkers[number].position,
                frame=frame,
                reason=decision.reason,
                score=None if decision.score is None else float(decision.score),
                policy=policy,
                model_version=table.model_version,
                model_frames=table.model_frames,
                n_frames=n_frames,
                refreshed_frames=self._refreshed_frames,
                made=time.time(),
                embed_s=times_s[0],
                refresh_s=times_s[1],
                decide_s=times_s[2],
                weight=None if decision.weight is None else float(decision.weight),
            )
            rows.append(row)
            times_s = (0.0, 0.0, 0.0)
        for row in rows:
            self._progress.decided(row)
        self._record.add(*rows)
