"""`levinthal data`: data sets by name."""

from __future__ import annotations

from typing import Annotated

import typer

data = typer.Typer(help="Data sets: list them, fetch them, verify their checksums.", no_args_is_help=True)


@data.command("list")
def _list() -> None:
    """List the named data sets and say which are here."""
    from levinthal.datasets import data_sets

    for each in data_sets():
        print(f"{each.name:<22} {each.version:<6} {each.state():<10} {each.description}")


@data.command("fetch")
def _fetch(
    name: Annotated[str, typer.Argument(help="A data set's name, or an entry of the Protein Data Bank as pdb:1FME.")],
) -> None:
    """Fetch a data set; a broken-off download goes on where it stopped, and the checksum is verified."""
    from levinthal.datasets import data_set

    print(data_set(name).fetch())


@data.command("verify")
def _verify(
    name: Annotated[str | None, typer.Argument(help="A data set's name [all that are here].")] = None,
) -> None:
    """Compare the files that are here with their checksums."""
    from levinthal.datasets import data_set, data_sets

    for each in [data_set(name)] if name else data_sets():
        print(f"{each.name:<22} {each.verify()}")
