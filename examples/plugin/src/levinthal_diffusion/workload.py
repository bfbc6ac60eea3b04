"""The workload `diffusion`: how fast a Langevin integrator is, behind gates that a wrong one misses."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from levinthal.harness import FigureOfMerit, Run, Settings
from levinthal_diffusion.langevin import Doubles, IntegratorName, Particle, simulate
from levinthal_diffusion.observables import mean_squared_displacement
from levinthal_diffusion.walks import NAME, VERSION, checksum_of, exact_walks

BLOCK = 1024
"""Particles of a task."""

N_LAGS = 10
"""The mean squared displacement is held against the exact one at lags of 1 to so many frames."""


class DiffusionSettings(Settings):
    """What a user may set, as by `--set integrator=euler`."""

    integrator: IntegratorName = Field(default="baoab", description="How steps are made.")
    mass_amu: float = Field(default=100.0, gt=0, description="Mass of a particle, in amu.")
    temperature_k: float = Field(default=300.0, gt=0, description="Temperature of the bath, in K.")
    friction_per_ps: float = Field(default=1.0, gt=0, description="Friction of the bath, in 1/ps.")
    time_step_ps: float = Field(default=0.1, gt=0, description="Length of a step, in ps.")
    frame_interval: int = Field(default=10, ge=1, description="Steps between frames.")
    frames: int = Field(default=201, gt=2 * N_LAGS, description="Frames of each path, the start among them.")
    blocks: int = Field(default=16, ge=2, description=f"Tasks, each of {BLOCK} particles.")

    sizes: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "smoke": {"blocks": 4, "frames": 41},
        "tiny": {},
        "small": {"blocks": 64, "frames": 401},
        "paper": {"blocks": 1024, "frames": 401},
    }


@dataclass(frozen=True)
class Task:
    """A block of particles: plain values, because another process carries it out."""

    particle: Particle
    integrator: IntegratorName
    n_frames: int
    frame_interval: int
    time_step_ps: float
    seed: int


def measure_block(task: Task) -> tuple[Doubles, float]:
    """Simulate a block; return its mean squared displacement at the lags, in nm^2, and the variance of velocities."""
    paths = simulate(
        task.particle,
        task.integrator,
        n_particles=BLOCK,
        n_frames=task.n_frames,
        frame_interval=task.frame_interval,
        time_step_ps=task.time_step_ps,
        rng=np.random.default_rng(task.seed),
    )
    return mean_squared_displacement(paths.positions)[1 : N_LAGS + 1], float(np.square(paths.velocities).mean())


class DiffusionWorkload:
    """Integrates free Langevin particles and holds their diffusion against Einstein's relation.

    Blocks of particles are simulated by the workers of the engine. Gates ask for the exact mean squared displacement at
    ten lags, for Einstein's diffusion coefficient and for the temperature of the bath, and that walks drawn from the
    exact solution are measured rightly; behind them stands how many steps a second were made.
    """

    name: ClassVar[str] = "diffusion"
    version: ClassVar[int] = 1
    Settings: ClassVar[type[Settings]] = DiffusionSettings
    main_figures: ClassVar[Sequence[str]] = (
        "integration rate",
        "error of the diffusion coefficient",
        "error of the temperature",
    )
    figures_of_merit: ClassVar[Sequence[FigureOfMerit]] = (FigureOfMerit("integration", "integration rate"),)

    def run(self, run: Run, settings: DiffusionSettings) -> None:
        """Measure the exact walks, simulate, and compare both with what is known."""
        particle = Particle(settings.mass_amu, settings.temperature_k, settings.friction_per_ps)
        lags_ps = settings.time_step_ps * settings.frame_interval * np.arange(1.0, N_LAGS + 1.0)
        known = particle.mean_squared_displacement(lags_ps)

        with run.phase("prepare", doing="drawing the exact walks"):
            walks = exact_walks(particle, settings.frames, float(lags_ps[0]))
            run.dataset(NAME, version=VERSION, sha256=checksum_of(walks), synthetic=True)
            measured = mean_squared_displacement(walks)[1 : N_LAGS + 1]
            run.gate("error of the measuring on exact walks", _largest_error(measured, known), at_most=0.05)

        run.use_implementation("numpy")
        tasks = [
            Task(
                particle,
                settings.integrator,
                settings.frames,
                settings.frame_interval,
                settings.time_step_ps,
                run.seed_for(f"block {number}"),
            )
            for number in range(settings.blocks)
        ]
        with run.phase("start", doing="starting the workers"):  # so that no speed has their start in it
            short = replace(tasks[0], n_frames=N_LAGS + 1, frame_interval=1)
            list(run.executor.map(measure_block, [short] * run.n_workers))
        n_steps = settings.blocks * BLOCK * (settings.frames - 1) * settings.frame_interval
        found = []
        with run.phase("simulate", items=n_steps, total=settings.blocks, doing="integrating") as phase:
            for each in run.executor.map(measure_block, tasks):
                found.append(each)
                phase.advance()
        self._report(run, particle, lags_ps, [msd for msd, _ in found], [variance for _, variance in found])
        run.metric("integration rate", n_steps / run.duration_s("simulate"), unit="step/s", better="higher")

    def _report(
        self, run: Run, particle: Particle, lags_ps: Doubles, by_block: Sequence[Doubles], variances: Sequence[float]
    ) -> None:
        """Record what the blocks measured, and gate it."""
        known = particle.mean_squared_displacement(lags_ps)
        mean: Doubles = np.mean(np.asarray(by_block, np.float64), axis=0, dtype=np.float64)
        run.curve(
            "mean squared displacement", lags_ps, mean,
            x_name="lag", x_unit="ps", unit="nm²", labels={"source": "simulated"},
        )  # fmt: skip
        run.curve(
            "mean squared displacement", lags_ps, known,
            x_name="lag", x_unit="ps", unit="nm²", labels={"source": "exact"},
        )  # fmt: skip
        # At the longest lag, with the exact allowance for the ballistic beginning.
        einstein = particle.diffusion_nm2_per_ps
        coefficients = einstein * np.array([msd[-1] for msd in by_block]) / known[-1]
        run.samples("diffusion coefficient", coefficients, unit="nm²/ps")
        error = float(abs(coefficients.mean() / einstein - 1.0))
        heat = abs(float(np.mean(variances)) / particle.velocity_variance - 1.0)
        spread = float(coefficients.std(ddof=1)) / math.sqrt(len(coefficients))
        run.finding(
            f"D is {coefficients.mean():.5f} with a standard error of {spread:.5f} nm²/ps over {len(by_block)} blocks; "
            f"Einstein's relation says {einstein:.5f}."
        )
        advice = "take shorter steps (time_step_ps) or another integrator"
        run.gate("error of the mean squared displacement", _largest_error(mean, known), at_most=0.05, advice=advice)
        run.gate("error of the diffusion coefficient", error, at_most=0.03, advice=advice)
        run.gate("error of the temperature", heat, at_most=0.02, advice=advice)
        for name, value in (
            ("error of the mean squared displacement", _largest_error(mean, known)),
            ("error of the diffusion coefficient", error),
            ("error of the temperature", heat),
        ):
            run.metric(name, value, unit="1", better="lower", kind="quality")


def _largest_error(measured: Doubles, known: Doubles) -> float:
    return float(np.abs(measured / known - 1.0).max())
