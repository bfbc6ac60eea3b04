"""The model in use, the policy that is asked, and the record of what it said."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from levinthal.errors import UsageError
from levinthal.workloads.sampling.learners.learner import Model
from levinthal.workloads.sampling.loop.plan import CampaignPlan
from levinthal.workloads.sampling.loop.progress import Progress, Walker
from levinthal.workloads.sampling.loop.retraining import Retraining
from levinthal.workloads.sampling.loop.task import decision_rng, refresh_rng
from levinthal.workloads.sampling.policies.view import START, Decision, Policy
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
        self._answered = bool(getattr(policy, "wants_answer", False))
        self._model: Model | None = None
        self._refreshed_frames, self._refreshed_version = 0, -1

    def look_for_model(self) -> None:
        """Begin a training that is due; take a model that has become ready, and embed all frames by it."""
        if self._retraining is None:
            return
        trained = self._retraining.poll(self._record.n_frames)
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
        table, n_frames, seed = self._progress.table, self._record.n_frames, self._plan.seed
        if self._retraining is not None and self._model is None:
            decision = Decision(None, "there is no model yet", None)
        else:
            self._embed()
            embed_s = time.perf_counter() - clock
            view = table.view(self._record.frames)
            if self._answered:
                view = replace(view, states=self._record.states)
            grown = n_frames >= self._plan.refresh_growth * self._refreshed_frames
            if grown or self._refreshed_version != table.model_version:
                self._policy.refresh(view, refresh_rng(seed, n_frames))
                self._refreshed_frames, self._refreshed_version = n_frames, table.model_version
            refresh_s = time.perf_counter() - clock - embed_s
            decision = self._policy.decide(walker.number, view, decision_rng(seed, walker.number, walker.position))
        frame = None if decision.frame is None else int(decision.frame)
        if frame is not None and frame != START and not 0 <= frame < n_frames:
            raise UsageError(f"policy {self._policy.name} chose frame {frame}: there are {n_frames}")
        self.write_down(
            walker,
            frame,
            decision.reason,
            None if decision.score is None else float(decision.score),
            self._policy.name,
            (embed_s, refresh_s, time.perf_counter() - clock - embed_s - refresh_s),
        )

    def write_down(
        self,
        walker: Walker,
        frame: int | None,
        reason: str,
        score: float | None,
        policy: str,
        times_s: tuple[float, float, float] = (0.0, 0.0, 0.0),
    ) -> None:
        """Record a decision about the walker's next chunk; it holds until that is submitted.

        Parameters
        ----------
        walker, frame, reason, score, policy
            As in `DecisionRow`.
        times_s : tuple of float
            Of embedding, of the policy's look at all frames, and of the decision.
        """
        table = self._progress.table
        row = DecisionRow(
            number=self._record.n_decisions,
            walker=walker.number,
            position=walker.position,
            frame=frame,
            reason=reason,
            score=score,
            policy=policy,
            model_version=table.model_version,
            model_frames=table.model_frames,
            n_frames=self._record.n_frames,
            refreshed_frames=self._refreshed_frames,
            made=time.time(),
            embed_s=times_s[0],
            refresh_s=times_s[1],
            decide_s=times_s[2],
        )
        self._progress.decided(row)
        self._record.add(row)
