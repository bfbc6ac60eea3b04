"""What the documentation shows: its blocks and inline code, and the command lines in them, taken apart."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/**/*.md")])
_MARKDOWN = MarkdownIt("commonmark").enable("table")
_ENDS_A_COMMAND = {";", "|", "||", "&&", "&"}


@dataclass(frozen=True)
class Shown:
    """Code of a page: `language` is what a fence says, `indented` of an indented block, `inline` between backticks."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


@dataclass(frozen=True)
class Line:
    """The words of one command, and where it stands."""

    shown: Shown
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.shown}: {' '.join(self.words)}"


def shown(page: Path) -> list[Shown]:
    """Return all code of a page in its order."""
    found: list[Shown] = []
    for token in _MARKDOWN.parse(page.read_text()):
        line = token.map[0] + 1 if token.map else (found[-1].line if found else 1)
        if token.type == "fence":
            found.append(Shown(page, line, token.info.strip(), token.content))
        elif token.type == "code_block":
            found.append(Shown(page, line, "indented", token.content))
        inline = [child.content for child in token.children or () if child.type == "code_inline"]
        found += [Shown(page, line, "inline", " ".join(text.split())) for text in inline]
    return found


def programs(path: Path) -> list[str]:
    """Return the Python programs of a page, or the one that a Python file is."""
    return (
        [path.read_text()] if path.suffix == ".py" else [each.text for each in shown(path) if each.language == "python"]
    )


def commands(code: Shown) -> Iterator[Line]:
    """Yield each command of a piece of shell, without comments, pipes and variables that are set before it."""
    for line in code.text.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=";|&")
        lexer.whitespace_split = True
        words: list[str] = []
        for word in [*lexer, ";"]:
            if word in _ENDS_A_COMMAND:
                while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
                    words.pop(0)
                if words:
                    yield Line(code, tuple(words))
                words = []
            else:
                words.append(word)


def command_lines(page: Path) -> list[Line]:
    """Return the commands of a page's indented blocks and shell fences."""
    return [line for each in shown(page) if each.language in {"indented", "bash"} for line in commands(each)]


def inline_lines(page: Path) -> list[Line]:
    """Return what stands between backticks and begins as a command of ours does."""
    ours = re.compile(r"(levinthal|make|python benchmarks/\S+|python -m|pip install)\b(?![.\-_/])")
    return [
        line for each in shown(page) if each.language == "inline" and ours.match(each.text) for line in commands(each)
    ]
