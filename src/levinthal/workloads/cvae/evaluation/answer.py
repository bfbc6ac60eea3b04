"""What a run leaves of a person's molecule: weights, every frame's place in the latent space, clusters, structures.

Left before anything is compared with the baselines, and whatever the gates say: files that a viewer, a spreadsheet or
`levinthal.sampling.CVAE.load` opens.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from levinthal.arrays import Doubles, Floats
from levinthal.errors import DataError
from levinthal.harness import Run
from levinthal.simulation.trajectories.reader import read_structures
from levinthal.workloads.cvae.data.features import Features, Structures
from levinthal.workloads.cvae.evaluation.clusters import Cluster, by_population, describe_clusters
from levinthal.workloads.cvae.evaluation.scores import scaled
from levinthal.workloads.cvae.model.network import CVAEModel
from levinthal.workloads.cvae.settings import CVAESettings

__all__ = ["WEIGHTS", "ca_structure", "displayed", "leave_clusters", "leave_weights"]

LATENT_TABLE = "latent.csv"
WEIGHTS = "model.safetensors"
_ANGSTROM_PER_NM = 10.0
_MOST_TOLD = 8
_IN_NM = ("RMSD to ", "radius of gyration")


def leave_weights(
    run: Run, settings: CVAESettings, model: CVAEModel, n_residues: int, *, epochs: int, batch_size: int
) -> None:
    """Leave the model, trained for so many epochs, as a file that `levinthal.sampling.CVAE.load` reads."""
    from levinthal.workloads.cvae.estimator import CVAE

    trained = CVAE.of_model(
        model,
        n_residues=n_residues,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=settings.learning_rate,
        deterministic=settings.deterministic,
        seed=run.seed_for("training", bits=31),
    )
    path = run.folder / WEIGHTS
    trained.save(path)
    run.artifact(
        WEIGHTS,
        path.read_bytes(),
        f"The trained model: levinthal.sampling.CVAE.load reads it, for maps of {n_residues} residues.",
    )


def displayed(what: str, values: npt.ArrayLike) -> tuple[str, Doubles]:
    """Return a property's name with its unit and its values in that unit: lengths in angstrom."""
    numbers = np.asarray(values, np.float64)
    return (f"{what} (Å)", _ANGSTROM_PER_NM * numbers) if what.startswith(_IN_NM) else (what, numbers)


def leave_clusters(
    run: Run, settings: CVAESettings, data: Features, latent: Doubles, labels: npt.NDArray[np.integer]
) -> npt.NDArray[np.int32]:
    """Leave `latent.csv`, `clusters.csv` and a structure of each cluster; return the clusters' numbers of all frames.

    Parameters
    ----------
    run : Run
    settings : CVAESettings
    data : Features
    latent : ndarray, shape (n_frames, n_latent)
    labels : ndarray of int, shape (n_frames,)
        Clusters, in any order.
    """
    numbers = by_population(labels)
    properties = dict(displayed(what, values) for what, values in data.properties.items())
    clusters = describe_clusters(scaled(latent), numbers, properties, run.seed_for("medoids", bits=31))
    run.artifact(
        LATENT_TABLE,
        _latent_table(data, latent, numbers, properties),
        f"Every frame: its file and number there, its time, its place in the latent space of the "
        f"{settings.model_name}, its cluster, and properties.",
    )
    run.artifact(
        "clusters.csv",
        _cluster_table(data, clusters, list(properties)),
        "Clusters, the most populated first: frames, share of all, medoid, mean and standard deviation of properties.",
    )
    run.samples("cluster population", [cluster.population for cluster in clusters], unit="1")
    if data.structures is not None:
        _leave_structures(run, data, data.structures, clusters)
    for cluster in clusters[:_MOST_TOLD]:
        run.note(_told(data, cluster))
    return numbers


def _leave_structures(run: Run, data: Features, structures: Structures, clusters: Sequence[Cluster]) -> None:
    """Leave the medoid of each cluster: all atoms of a person's trajectory, else CA atoms."""
    texts: Sequence[str] | None = None
    if structures.files is not None:
        paths, topology = structures.files
        table = data.table
        places = [(int(table.trajectory[c.medoid]), int(table.number[c.medoid])) for c in clusters]
        try:
            texts = read_structures(paths, topology, places)
        except DataError as error:
            run.note(f"The structures of clusters are CA atoms alone: {error}.")
    atoms = "CA atoms" if texts is None else "all atoms"
    for k, cluster in enumerate(clusters):
        where, share = _place(data, cluster.medoid), 100 * cluster.population
        title = f"cluster {cluster.number}: {where}, {share:.0f} % of all frames"
        body = ca_structure(structures.records, structures.ca_nm[cluster.medoid]) if texts is None else texts[k]
        run.artifact(
            f"cluster_{cluster.number}.pdb",
            f"TITLE     {' '.join(title.encode('ascii', 'replace').decode().split())[:69]}\n{body}",
            f"Medoid of cluster {cluster.number} ({share:.1f} % of the frames), {atoms}: {where}.",
        )


def _place(data: Features, frame: int) -> str:
    table = data.table
    return f"frame {table.number[frame]} of {table.sources[table.trajectory[frame]]}"


def _told(data: Features, cluster: Cluster) -> str:
    about = ", ".join(f"{what} {mean:.3g} ± {spread:.2g}" for what, (mean, spread) in cluster.properties.items())
    return (
        f"Cluster {cluster.number}: {100 * cluster.population:.1f} % of the frames ({cluster.n_frames:,}); {about}; "
        f"medoid {_place(data, cluster.medoid)}."
    )


def _latent_table(
    data: Features, latent: Doubles, numbers: npt.NDArray[np.integer], properties: Mapping[str, Doubles]
) -> str:
    table = data.table
    parts = np.full(len(table), "", "<U10")  # between two blocks nothing is learned from nor measured
    for name, frames in (("train", data.split.train), ("validation", data.split.validation), ("test", data.split.test)):
        parts[frames] = name
    trajectory, number, times = table.trajectory, table.number, table.times_ps
    axes = [f"latent_{k + 1}" for k in range(latent.shape[1])]
    rows = (
        [
            frame,
            table.sources[trajectory[frame]],
            number[frame],
            _number(times[frame]),
            parts[frame],
            *map(_number, latent[frame]),
            numbers[frame],
            *(_number(values[frame]) for values in properties.values()),
        ]
        for frame in range(len(table))
    )
    return _csv(["frame", "file", "frame_in_file", "time_ps", "part", *axes, "cluster", *properties], rows)


def _cluster_table(data: Features, clusters: Sequence[Cluster], properties: Sequence[str]) -> str:
    table = data.table
    head = [f"{kind} {what}" for what in properties for kind in ("mean", "standard deviation of")]
    rows = (
        [
            cluster.number,
            cluster.n_frames,
            _number(cluster.population),
            cluster.medoid,
            table.sources[table.trajectory[cluster.medoid]],
            table.number[cluster.medoid],
            _number(table.times_ps[cluster.medoid]),
            *(_number(value) for what in properties for value in cluster.properties[what]),
        ]
        for cluster in clusters
    )
    medoid = ["medoid_frame", "medoid_file", "medoid_frame_in_file", "medoid_time_ps"]
    return _csv(["cluster", "frames", "population", *medoid, *head], rows)


def _csv(head: Sequence[str], rows: Any) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    return text.getvalue()


def _number(value: float) -> str:
    return f"{value:.7g}" if np.isfinite(value) else ""


def ca_structure(records: Sequence[str], ca_nm: Floats) -> str:
    """Return CA atoms as PDB text, centred.

    Parameters
    ----------
    records : sequence of str
        An ATOM record of each atom, whose position is replaced.
    ca_nm : ndarray, shape (n_residues, 3)
    """
    centred = _ANGSTROM_PER_NM * (np.asarray(ca_nm, np.float64) - np.mean(ca_nm, axis=0, dtype=np.float64))
    lines: list[str] = []
    for k, (record, (x, y, z)) in enumerate(zip(records, centred, strict=True)):
        if k and record[21] != records[k - 1][21]:
            lines.append("TER")
        lines.append(f"{record[:30]}{x:8.3f}{y:8.3f}{z:8.3f}{record[54:]}")
    return "\n".join([*lines, "TER", "END", ""])
