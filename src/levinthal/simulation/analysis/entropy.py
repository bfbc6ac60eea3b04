"""Configurational entropy from the fluctuations of atoms: Schlitter's bound, quasi-harmonic and classical.

All three take the eigenvalues of the mass-weighted covariance. Too few frames give too few of them: below
3 n_atoms - 6 independent frames the covariance is rank-deficient, missing modes count nothing, and the entropy grows
with the number of frames. Compare at equal counts. Anharmonic and multi-modal motion only ever raises the first two,
which are upper bounds of the entropy of the same covariance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from levinthal.arrays import Doubles, Floats
from levinthal.errors import DataError

# CODATA 2018 (Tiesinga, Mohr, Newell and Taylor, Rev. Mod. Phys. 93:025010, 2021); the first three are exact.
_BOLTZMANN_J_K = 1.380649e-23
_AVOGADRO = 6.02214076e23
_HBAR_J_S = 6.62607015e-34 / (2.0 * np.pi)
_AMU_KG = 1.66053906660e-27
_GAS_CONSTANT_J_MOL_K = _BOLTZMANN_J_K * _AVOGADRO
_AMU_NM2 = _AMU_KG * 1e-18


@dataclass(frozen=True)
class ConfigurationalEntropy:
    """Entropies of a set of frames, and on how much they rest.

    Attributes
    ----------
    schlitter_j_mol_k, quasi_harmonic_j_mol_k : float
        Upper bounds, see the functions.
    n_frames, n_atoms : int
        Of the sample.
    n_modes : int
        Eigenvalues above rounding error.
    n_modes_expected : int
        3 n_atoms - 6 after superposition (5 for two atoms, 3 for one), else 3 n_atoms.
    rank_deficient : bool
        True with fewer modes than expected: the figures are then no bound and grow with the number of frames.
    """

    schlitter_j_mol_k: float
    quasi_harmonic_j_mol_k: float
    n_frames: int
    n_atoms: int
    n_modes: int
    n_modes_expected: int
    rank_deficient: bool


def _quanta(eigenvalues_amu_nm2: Floats, temperature_k: float) -> Doubles:
    """Return kT lambda / hbar^2, the squared inverse of a = hbar omega / kT, of each mode."""
    values = np.asarray(eigenvalues_amu_nm2, np.float64)
    if not temperature_k > 0.0:
        raise DataError(f"the temperature is {temperature_k} K: it must be positive")
    if not np.isfinite(values).all() or values.min(initial=0.0) < -1e-9 * values.max(initial=0.0):
        raise DataError("an eigenvalue of the covariance is negative or not finite: check the coordinates")
    scale = _BOLTZMANN_J_K * temperature_k * _AMU_NM2 / _HBAR_J_S**2
    return np.asarray(np.maximum(values, 0.0) * scale, np.float64)


def schlitter_entropy(eigenvalues_amu_nm2: Floats, temperature_k: float) -> float:
    """Return Schlitter's upper bound S = 1/2 R sum ln(1 + kT e^2 lambda / hbar^2) (Chem. Phys. Lett. 215:617, 1993).

    Parameters
    ----------
    eigenvalues_amu_nm2 : ndarray
        Of the mass-weighted covariance.
    temperature_k : float
        Of the simulation.

    Returns
    -------
    float
        In J/mol/K.

    Raises
    ------
    DataError
        A temperature or eigenvalue that makes no sense.
    """
    return 0.5 * _GAS_CONSTANT_J_MOL_K * float(np.log1p(np.e**2 * _quanta(eigenvalues_amu_nm2, temperature_k)).sum())


def quasi_harmonic_entropy(eigenvalues_amu_nm2: Floats, temperature_k: float) -> float:
    """Return the entropy of quantum oscillators with omega_i = sqrt(kT / lambda_i).

    S = R sum [a / (e^a - 1) - ln(1 - e^-a)], a = hbar omega / kT (Andricioaei and Karplus, J. Chem. Phys. 115:6289,
    2001). It never exceeds Schlitter's; modes without fluctuation count nothing. Parameters, unit and errors are as for
    `schlitter_entropy`.
    """
    quanta = _quanta(eigenvalues_amu_nm2, temperature_k)
    a = 1.0 / np.sqrt(quanta[quanta > 1e-6])  # beyond a = 1000 a mode is frozen to less than rounding
    return _GAS_CONSTANT_J_MOL_K * float((a * np.exp(-a) / -np.expm1(-a) - np.log(-np.expm1(-a))).sum())


def classical_entropy(eigenvalues_amu_nm2: Floats, temperature_k: float) -> float:
    """Return the entropy of classical oscillators, R sum (1 - ln a), in J/mol/K; negative for stiff modes.

    Parameters
    ----------
    eigenvalues_amu_nm2, temperature_k
        As for `schlitter_entropy`; all positive (classically a frozen mode has an entropy of minus infinity).
    """
    quanta = _quanta(eigenvalues_amu_nm2, temperature_k)
    with np.errstate(divide="ignore"):
        return _GAS_CONSTANT_J_MOL_K * float((1.0 + 0.5 * np.log(quanta)).sum())


def _checked(coordinates_nm: Floats, masses_amu: Floats) -> tuple[Doubles, Doubles]:
    frames, masses = np.asarray(coordinates_nm, np.float64), np.asarray(masses_amu, np.float64)
    if frames.ndim != 3 or frames.shape[2] != 3 or min(frames.shape[:2]) < 1 or not np.isfinite(frames).all():
        raise DataError(
            f"coordinates of shape {frames.shape}: expected finite numbers of shape (frames, atoms, 3), none empty"
        )
    if masses.shape != (frames.shape[1],) or not (np.isfinite(masses) & (masses > 0.0)).all():
        raise DataError(
            f"masses of shape {masses.shape}: expected {frames.shape[1]} positive numbers, one for each atom"
        )
    return frames, masses


def superpose(coordinates_nm: Floats, masses_amu: Floats, n_rounds: int = 10) -> Doubles:
    """Return the frames superposed on their mean, mass-weighted.

    Kabsch's proper rotation (Acta Cryst. A32:922, 1976) onto the first frame, then onto the mean, until the mean rests.

    Parameters
    ----------
    coordinates_nm : ndarray, shape (n_frames, n_atoms, 3)
        Structures.
    masses_amu : ndarray, shape (n_atoms,)
        Weights of the fit.
    n_rounds : int
        At most so many rounds.

    Returns
    -------
    ndarray of float64, shape (n_frames, n_atoms, 3)
        The centre of mass is the origin.

    Raises
    ------
    DataError
        Shapes that do not match.
    """
    frames, masses = _checked(coordinates_nm, masses_amu)
    weights = masses / masses.sum()
    frames = frames - np.einsum("fai,a->fi", frames, weights)[:, None, :]
    reference = frames[0]
    for _ in range(n_rounds):
        correlation = np.einsum("fai,a,aj->fij", frames, weights, reference, optimize=True)
        try:
            left, _, right = np.linalg.svd(correlation)
        except np.linalg.LinAlgError as error:
            raise DataError(f"the frames cannot be superposed ({error}): check the coordinates") from None
        handed = np.sign(np.linalg.det(left) * np.linalg.det(right))
        left[:, :, 2] *= np.where(handed == 0.0, 1.0, handed)[:, None]
        frames = frames @ (left @ right)
        mean = frames.mean(axis=0)
        moved = float(np.abs(mean - reference).max())
        reference = mean
        if moved < 1e-12 * max(float(np.abs(mean).max()), 1e-300):
            break
    return np.asarray(frames, np.float64)


def mass_weighted_eigenvalues(coordinates_nm: Floats, masses_amu: Floats) -> Doubles:
    """Return the eigenvalues of M^1/2 sigma M^1/2 with sigma the covariance of the coordinates (divided by n_frames).

    Parameters
    ----------
    coordinates_nm : ndarray, shape (n_frames, n_atoms, 3)
        Structures as they are: superpose them first unless they sit in a fixed frame.
    masses_amu : ndarray, shape (n_atoms,)
        Masses.

    Returns
    -------
    ndarray of float64
        In amu nm^2, descending; min(n_frames, 3 n_atoms) of them, any others are zero.

    Raises
    ------
    DataError
        Shapes that do not match.
    """
    frames, masses = _checked(coordinates_nm, masses_amu)
    weighted = ((frames - frames.mean(axis=0)) * np.sqrt(masses)[:, None]).reshape(len(frames), -1)
    # With few frames the small matrix of their inner products has the same eigenvalues other than zero.
    small = weighted @ weighted.T if weighted.shape[0] < weighted.shape[1] else weighted.T @ weighted
    return np.asarray(np.maximum(np.linalg.eigvalsh(small)[::-1] / len(frames), 0.0), np.float64)


def configurational_entropy(
    coordinates_nm: Floats, masses_amu: Floats, temperature_k: float, *, superposed: bool = False
) -> ConfigurationalEntropy:
    """Return Schlitter's and the quasi-harmonic entropy of a set of frames.

    Parameters
    ----------
    coordinates_nm, masses_amu
        As for `superpose`.
    temperature_k : float
        Of the simulation.
    superposed : bool
        True takes the structures as they are; otherwise they are superposed first, as overall motion is no
        configuration.

    Raises
    ------
    DataError
        Shapes that do not match, or a temperature that makes no sense.

    Examples
    --------
    >>> import numpy as np
    >>> from levinthal.simulation import configurational_entropy
    >>> frames_nm = np.random.default_rng(0).normal(size=(200, 4, 3)) * 0.01 + np.eye(4, 3)
    >>> entropy = configurational_entropy(frames_nm, np.full(4, 12.0), temperature_k=300.0)
    >>> entropy.n_modes
    6
    """
    frames, masses = _checked(coordinates_nm, masses_amu)
    if not superposed:
        frames = superpose(frames, masses)
    n_frames, n_atoms = frames.shape[:2]
    values = mass_weighted_eigenvalues(frames, masses)
    rounding = values.max(initial=0.0) * 3 * n_atoms * 1e-13
    rigid = 0 if superposed else {1: 3, 2: 5}.get(n_atoms, 6)
    modes = values[values > rounding]
    return ConfigurationalEntropy(
        schlitter_j_mol_k=schlitter_entropy(modes, temperature_k),
        quasi_harmonic_j_mol_k=quasi_harmonic_entropy(modes, temperature_k),
        n_frames=n_frames,
        n_atoms=n_atoms,
        n_modes=len(modes),
        n_modes_expected=3 * n_atoms - rigid,
        rank_deficient=len(modes) < 3 * n_atoms - rigid,
    )
