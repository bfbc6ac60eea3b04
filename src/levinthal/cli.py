"""The command line: a thin face of the library; its commands are in `levinthal.commands`.

Exit status: 0 passed; 1 a gate was missed, a repeat failed or a rule is broken; 2 bad input or usage; 70 an internal
error; 130 interrupted.
"""

from __future__ import annotations

import io
import os
import sys
import warnings
from collections.abc import Callable
from typing import Annotated

import typer

from levinthal import __version__
from levinthal.commands.data import data
from levinthal.commands.doctor import doctor
from levinthal.commands.ending import end, flush_output
from levinthal.commands.energy import energy
from levinthal.commands.fom import fom
from levinthal.commands.infer import infer, precision
from levinthal.commands.listing import describe, list_installed, settings
from levinthal.commands.new import new
from levinthal.commands.plan import plan
from levinthal.commands.results import check, compare, report
from levinthal.commands.run import WithSettings, resume, run
from levinthal.commands.streams import endure_readers_that_go_away
from levinthal.commands.study import scale, study, sweep, transfer
from levinthal.files.places import cache_variables

app = typer.Typer(
    name="levinthal",
    help="How fast, how right and at what cost machine learning runs beside molecular simulation, on your machine.",
    no_args_is_help=True,
    # Markup would take the brackets of `[results/...]` for its own, and drawing boxes costs half a second of each help.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
_COMMANDS: dict[str, Callable[..., None]] = {
    "run": run,
    "scale": scale,
    "infer": infer,
    "precision": precision,
    "study": study,
    "sweep": sweep,
    "transfer": transfer,
    "resume": resume,
    "list": list_installed,
    "settings": settings,
    "describe": describe,
    "doctor": doctor,
    "compare": compare,
    "fom": fom,
    "energy": energy,
    "report": report,
    "check": check,
    "plan": plan,
    "new": new,
}
for _name, _command in _COMMANDS.items():
    app.command(_name, cls=WithSettings if _command is run else None)(_command)
app.add_typer(data, name="data")


def main() -> None:
    """Run the command line; whatever stops it is one line and an exit status."""
    warnings.showwarning = _show_warning
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name that the terminal's encoding lacks
    endure_readers_that_go_away()
    os.environ.update(cache_variables())
    try:
        try:
            app()
        finally:
            flush_output()
    except SystemExit:
        raise
    except BaseException as error:
        sys.exit(end(error))


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    """Print a warning as a line for a person, without the place in the code that it came from."""
    print(f"warning: {' '.join(str(message).split())}", file=sys.stderr)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"levinthal {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass
