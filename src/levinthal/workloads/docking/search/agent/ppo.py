"""Proximal policy optimisation on tensors (Schulman et al., arXiv:1707.06347): the whole algorithm on one page.

Every iteration plays one whole episode in all environments and learns from it; nothing leaves the device. Minibatches
are sets of whole episodes, so that a recurrent policy is trained by the same code. Each iteration's randomness comes
from (seed, iteration) alone: training that goes on from a checkpoint takes the same steps as training never stopped.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from levinthal.errors import UsageError
from levinthal.workloads.docking.search.agent.environment import DockingEnvironment
from levinthal.workloads.docking.search.agent.episodes import Observation
from levinthal.workloads.docking.search.agent.policy import DockingPolicy, Features, features_of


@dataclass(frozen=True)
class PPOSettings:
    """Settings of PPO.

    Attributes
    ----------
    iterations : int
        Episodes of every environment.
    learning_rate : float
        Of Adam; falls linearly to zero.
    discount, trace_decay : float
        Of generalised advantage estimation; without discount the rewards of an episode telescope.
    clip : float
        How far the ratio of probabilities may leave 1.
    epochs, minibatches : int
        Passes over the episodes of an iteration, and the parts of each pass.
    entropy_weight, value_weight : float
        Weights in the loss.
    gradient_norm : float
        Longest gradient.
    """

    iterations: int = 100
    learning_rate: float = 1e-3
    discount: float = 1.0
    trace_decay: float = 0.95
    clip: float = 0.2
    epochs: int = 3
    minibatches: int = 4
    entropy_weight: float = 1e-3
    value_weight: float = 0.5
    gradient_norm: float = 0.5

    def __post_init__(self) -> None:
        if min(self.iterations, self.epochs, self.minibatches) < 1:
            raise UsageError("PPO needs at least one iteration, epoch and minibatch")
        if not self.learning_rate > 0:
            raise UsageError(f"learning_rate is {self.learning_rate}: it must be positive")


@dataclass(frozen=True, eq=False)
class Episodes:
    """One episode of each of N environments, T steps long: features (T, N, ...), the rest (T, N) or (T, N, 6)."""

    seen: Features
    actions: Tensor
    log_probabilities: Tensor
    values: Tensor
    rewards: Tensor


@dataclass(frozen=True)
class Iteration:
    """What an iteration was: `rewards` is the mean sum of an episode, energies are the best of each, in kcal/mol."""

    number: int
    frames: int
    reward: float
    best_energy_kcal_mol: float
    entropy: float
    explained_variance: float
    play_s: float
    learn_s: float


@dataclass(eq=False)
class Training:
    """A policy in training: all that is needed to go on.

    Attributes
    ----------
    policy : DockingPolicy
    optimiser : torch.optim.Adam
    history : list of Iteration
    """

    policy: DockingPolicy
    optimiser: torch.optim.Adam
    history: list[Iteration] = field(default_factory=list)

    @classmethod
    def start(cls, policy: DockingPolicy, settings: PPOSettings) -> Training:
        """Begin with a policy as it is."""
        return cls(policy, torch.optim.Adam(policy.parameters(), lr=settings.learning_rate, eps=1e-5))


@torch.no_grad()
def play(environment: DockingEnvironment, policy: DockingPolicy, first: Observation, seed: int) -> Episodes:
    """Play one episode from the observation at its start."""
    generator = torch.Generator().manual_seed(seed)
    observation, memory = first, policy.first_memory(len(first))
    steps: list[tuple[Features, Tensor, Tensor, Tensor, Tensor]] = []
    done = False
    while not done:
        features = features_of(observation)
        decision = policy(features, memory)
        actions = decision.sample(generator)
        after, rewards, done = environment.step(actions)
        steps.append((features, actions, decision.log_probability(actions), decision.values, rewards))
        observation, memory = after, decision.memory
    seen, *tensors = zip(*steps, strict=True)
    features = Features(*(torch.stack(parts) for parts in zip(*seen, strict=True)))
    return Episodes(features, *(torch.stack(each) for each in tensors))


def train(
    training: Training,
    environment: DockingEnvironment,
    settings: PPOSettings,
    *,
    seed: int,
    on_iteration: Callable[[Training], bool | None] = lambda _: None,
) -> None:
    """Train until all iterations are done, or until `on_iteration`, called after each, returns True."""
    for number in range(len(training.history), settings.iterations):
        seeds = np.random.SeedSequence((seed, number)).generate_state(3)
        began = time.perf_counter()
        episodes = play(environment, training.policy, environment.reset(int(seeds[0])), int(seeds[1]))
        played = time.perf_counter()
        for group in training.optimiser.param_groups:
            group["lr"] = settings.learning_rate * (1 - number / settings.iterations)
        entropy, explained = _learn(training, episodes, settings, int(seeds[2]))
        training.history.append(
            Iteration(
                number=number,
                frames=episodes.rewards.numel(),
                reward=float(episodes.rewards.sum(0).mean()),
                best_energy_kcal_mol=float(environment.best_energies.mean()),
                entropy=entropy,
                explained_variance=explained,
                play_s=played - began,
                learn_s=time.perf_counter() - played,
            )
        )
        if on_iteration(training):
            break


def _advantages(episodes: Episodes, settings: PPOSettings) -> Tensor:
    """Generalised advantage estimation (Schulman et al., arXiv:1506.02438); after the last step there is nothing."""
    advantages = torch.zeros_like(episodes.rewards)
    following, value_after = torch.zeros_like(episodes.rewards[0]), torch.zeros_like(episodes.rewards[0])
    for step in reversed(range(len(episodes.rewards))):
        surprise = episodes.rewards[step] + settings.discount * value_after - episodes.values[step]
        following = surprise + settings.discount * settings.trace_decay * following
        advantages[step], value_after = following, episodes.values[step]
    return advantages


def _learn(training: Training, episodes: Episodes, settings: PPOSettings, seed: int) -> tuple[float, float]:
    """Take the optimiser's steps; return the mean entropy and the share of the returns' variance that was foreseen."""
    policy, optimiser = training.policy, training.optimiser
    generator = torch.Generator().manual_seed(seed)
    advantages = _advantages(episodes, settings)
    returns = advantages + episodes.values
    scaled = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
    n_environments = episodes.rewards.shape[1]
    entropies = []
    for _ in range(settings.epochs):
        order = torch.randperm(n_environments, generator=generator).to(returns.device)
        for part in order.chunk(min(settings.minibatches, n_environments)):
            decision = policy(Features(*(each[:, part] for each in episodes.seen)), policy.first_memory(len(part)))
            ratio = (decision.log_probability(episodes.actions[:, part]) - episodes.log_probabilities[:, part]).exp()
            clipped = ratio.clamp(1 - settings.clip, 1 + settings.clip)
            gain = torch.minimum(ratio * scaled[:, part], clipped * scaled[:, part]).mean()
            error = nn.functional.huber_loss(decision.values, returns[:, part])
            entropy = decision.entropy().mean()
            loss = settings.value_weight * error - gain - settings.entropy_weight * entropy
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(policy.parameters(), settings.gradient_norm)
            optimiser.step()
            entropies.append(float(entropy.detach()))
    foreseen = 1 - (returns - episodes.values).var() / returns.var().clamp(min=1e-8)
    return float(np.mean(entropies)), float(foreseen)
