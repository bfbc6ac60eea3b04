"""The process in which LoadGen asks a model: it loads the model once, then measures one point for each line it reads.

Started with the file of its `ServingTerms` and a folder. Each line of stdin is a `Request`; the answer is a line of
stdout, empty when the record is written, else a mistake (`levinthal.errors.to_line`). Whatever LoadGen or a library
prints goes to stderr.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from pathlib import Path

from levinthal.errors import DataError, LevinthalError, UsageError, to_line
from levinthal.files.writing import write_failure, write_whole
from levinthal.harness.contract.infers import Inference, Infers
from levinthal.harness.contract.registry import load_workload
from levinthal.harness.results.store import read_json, validated
from levinthal.harness.study.preparing import preparing
from levinthal.harness.study.serving.asking import Asking
from levinthal.harness.study.serving.record import Request, ServingTerms


def load(terms: ServingTerms, folder: Path) -> tuple[Inference, str]:
    """Load the model and leave beside it what its workload says of it.

    Returns
    -------
    tuple of (Inference, str)
        The model, and the device.
    """
    workload = load_workload(terms.workload)
    if not isinstance(workload, Infers):
        raise UsageError(f"workload {terms.workload!r} does not offer levinthal.harness.Infers")
    settings = workload.Settings.model_validate(terms.settings)
    with preparing(folder, seed=terms.seed, device=terms.device, precision=terms.precision) as run:
        model = workload.load_inference(run, settings, Path(terms.source) if terms.source else None)
    return model, run.device


def main(terms_file: Path, folder: Path) -> None:
    """Load the model, then measure a point for each line of stdin."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    loaded: tuple[Inference, str] | None = None
    for line in sys.stdin:
        reply = ""
        try:
            request = Request.model_validate_json(line)
            loaded = loaded or load(validated(ServingTerms, read_json(terms_file), terms_file), folder)
            model, device = loaded
            record = Asking(model, request).record(device)
            write_whole(request.file, record.model_dump_json(indent=1) + "\n")
        except Exception as error:
            traceback.print_exc()
            known = error if isinstance(error, LevinthalError) else write_failure(error, folder)
            reply = to_line(known or DataError(f"{type(error).__name__}: {error}"))
        print(reply, file=replies, flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    main(Path(sys.argv[1]), Path(sys.argv[2]))
