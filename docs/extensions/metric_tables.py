"""Sphinx directives: the figures of a workload with their meaning and source, and the list of sources."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import Directive

SOURCES = Path(__file__).resolve().parents[1] / "science/sources.toml"


def read_sources() -> list[dict[str, Any]]:
    """Return the sources in their order, each with `what`, `cite` and the patterns `figures`."""
    return list(tomllib.loads(SOURCES.read_text())["source"])


def numbers_of(figure: str, sources: Sequence[Mapping[str, Any]]) -> list[int]:
    """Return the numbers, from 1, of the sources of a figure."""
    return [
        number
        for number, source in enumerate(sources, 1)
        if any(re.search(pattern, figure) for pattern in source["figures"])
    ]


def table(heads: Sequence[str], widths: Sequence[int], rows: Sequence[Sequence[str]]) -> nodes.table:
    """Return a table of plain text."""
    group = nodes.tgroup(cols=len(heads))
    group += [nodes.colspec(colwidth=width) for width in widths]
    head, body = nodes.thead(), nodes.tbody()
    for part, lines in ((head, [heads]), (body, rows)):
        for line in lines:
            row = nodes.row()
            row += [nodes.entry("", nodes.paragraph(text=text)) for text in line]
            part.append(row)
    group += [head, body]
    return nodes.table("", group)


class Figures(Directive):
    """`{figures} cvae`: what a workload measures."""

    required_arguments: ClassVar[int] = 1

    def run(self) -> list[nodes.Node]:
        """Make the table from the workload's own file of meanings."""
        from levinthal.harness.contract.meanings import meanings_of

        sources = read_sources()
        rows = [
            (figure, meaning, ", ".join(str(number) for number in numbers_of(figure, sources)) or "by definition")
            for figure, meaning in meanings_of(self.arguments[0]).items()
        ]
        return [table(("figure", "what it means", "source"), (25, 60, 15), rows)]


class Sources(Directive):
    """`{sources}`: the numbered list that the tables refer to."""

    def run(self) -> list[nodes.Node]:
        """Make the table of sources."""
        rows = [(str(number), each["what"], each["cite"]) for number, each in enumerate(read_sources(), 1)]
        return [table(("", "of", "source"), (5, 35, 60), rows)]


def setup(app: Any) -> dict[str, bool]:
    """Register the directives."""
    app.add_directive("figures", Figures)
    app.add_directive("sources", Sources)
    return {"parallel_read_safe": True}
