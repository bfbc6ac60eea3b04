"""What a workload offers, beside `Workload`, so that its model can be asked: latency, precision, transfer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from levinthal.harness.contract.run import Run
from levinthal.harness.results.figures import Better

Answer = npt.NDArray[np.float32]
"""What is answered to one sample: numbers of any shape."""


ALL = "all"
"""The bucket of all samples."""


class Inference(Protocol):
    """A model that is loaded, and samples to ask it about.

    Attributes
    ----------
    buckets : mapping of str to sequence of int
        Numbers of samples that take about as long as each other, by a name such as `101-200 residues`; each not empty.
        Where all do there is one, `all`.
    execution : str
        How it computes, in a few words.
    deviation_of : str
        What `deviation` measures, with its unit: `dRMSD in A`.
    tolerance : float
        Largest deviation of an answer that is right.

    Examples
    --------
    >>> import numpy as np
    >>> from levinthal.harness import Inference
    >>> class Doubling:
    ...     buckets, execution = {"all": range(8)}, "numpy"
    ...     deviation_of, tolerance = "difference", 1e-6
    ...     def answer(self, samples):
    ...         return [np.array([2.0 * k], np.float32) for k in samples]
    ...     def reference(self, samples):
    ...         return [np.array([k + k], np.float32) for k in samples]
    ...     def deviation(self, answer, reference):
    ...         return float(abs(answer - reference).max())
    >>> model: Inference = Doubling()
    >>> model.deviation(*model.answer([3]), *model.reference([3]))
    0.0
    """

    buckets: Mapping[str, Sequence[int]]
    execution: str
    deviation_of: str
    tolerance: float

    def answer(self, samples: Sequence[int]) -> list[Answer]:
        """Answer samples as one batch; when it returns the device has finished.

        Parameters
        ----------
        samples : sequence of int
            Their numbers; of one bucket, one of them perhaps more than once.

        Returns
        -------
        list of ndarray of float32
            One for each, in order.
        """
        ...

    def reference(self, samples: Sequence[int]) -> list[Answer]:
        """Answer samples in the plainest way, slowly: no compiled loops, no lower precision."""
        ...

    def deviation(self, answer: Answer, reference: Answer) -> float:
        """Return by how much an answer differs from another to the same sample, in the unit that scientists use."""
        ...


@runtime_checkable
class Infers(Protocol):
    """A workload whose model can be asked: `levinthal infer` works for it.

    Attributes
    ----------
    query : str
        What is asked about, in the singular: `frame`.
    latency_bound_ms : float
        Within which 99 of 100 answers of a server are to come, where nothing else is said.
    scenarios : tuple of str
        Which scenarios are measured where none is named.

    Examples
    --------
    >>> from levinthal.harness import Infers
    >>> from levinthal.harness.contract.registry import load_workload
    >>> isinstance(load_workload("rgn"), Infers), load_workload("cvae").query
    (True, 'frame')
    """

    query: ClassVar[str]
    latency_bound_ms: ClassVar[float]
    scenarios: ClassVar[tuple[str, ...]]

    def inference_buckets(self, settings: Any) -> tuple[str, ...]:
        """Return the names of the buckets, from the settings alone: a study is planned before anything is loaded."""
        ...

    def load_inference(self, run: Run, settings: Any, source: Path | None) -> Inference:
        """Load a model and the samples to ask it about; say to `run` what they are.

        Parameters
        ----------
        run : Run
            Device, precision, seed and a folder.
        settings : Settings
        source : Path or None
            The folder of a repeat of this workload whose model is to be taken; without one it is made from the
            settings and not trained: that costs as much time and its answers mean nothing.

        Raises
        ------
        DataError
            The folder holds no model, or one that does not fit the settings.
        """
        ...


class LowerableInference(Inference, Protocol):
    """A model that can compute in several precisions; see `Lowers`."""

    def in_precision(self, precision: str) -> LowerableInference:
        """Return the same model and samples in another precision, one of `Lowers.precisions`."""
        ...

    def effects(self, answers: Sequence[Answer], references: Sequence[Answer]) -> Mapping[str, float]:
        """Return what answers to all samples are worth beside references, by the names of `Lowers.effects`."""
        ...


@runtime_checkable
class Lowers(Infers, Protocol):
    """A workload whose model can be asked in several precisions: `levinthal precision` works for it.

    `load_inference` returns a `LowerableInference`.

    Attributes
    ----------
    precisions : tuple of str
        Which, the one that others are compared with first.
    effects : mapping of str to (str, {"higher", "lower"})
        What a precision is judged by beside the deviation of answers: unit and direction of each.

    Examples
    --------
    >>> from levinthal.harness import Lowers
    >>> from levinthal.harness.contract.registry import load_workload
    >>> isinstance(load_workload("cvae"), Lowers), load_workload("rgn").precisions[0]
    (True, 'fp32')
    """

    precisions: ClassVar[tuple[str, ...]]
    effects: ClassVar[Mapping[str, tuple[str, Better]]]
