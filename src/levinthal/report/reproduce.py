"""The command that repeats a run, and the settings as a file it can read."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any

from levinthal.harness.results.result import Result


def command(result: Result, *, config: bool) -> str:
    """Return the command line that repeats a run.

    Parameters
    ----------
    result : Result
        The run.
    config : bool
        Whether the settings come from a file `settings.toml` instead of the preset of the size.
    """
    study = result.study
    command, arguments = (study.command, study.arguments) if study is not None and study.command else (("run",), ())
    words = ["levinthal", *command, result.workload.name, "--size", result.size, *arguments]
    if config:
        words += ["--config", "settings.toml"]
    words += ["--repeats", str(max(1, len(result.repeats)))]
    if result.repeats:
        first = min(result.repeats, key=lambda repeat: repeat.index)
        words += ["--seed", str(first.seed), "--device", first.device, "--precision", first.precision]
    return shlex.join(words)


def settings_toml(settings: Mapping[str, Any]) -> str:
    """Write settings as TOML; a null has no form in TOML and is left out, which means the default."""
    lines = [f"{_key(key)} = {_value(value)}" for key, value in settings.items() if value is not None]
    return "\n".join(lines)


def _key(key: str) -> str:
    plain = key and all(letter.isascii() and (letter.isalnum() or letter in "-_") for letter in key)
    return key if plain else _text(key)


def _text(text: str) -> str:
    # A JSON string is a TOML basic string, but for DEL, which TOML wants escaped.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        pairs = ", ".join(f"{_key(str(key))} = {_value(entry)}" for key, entry in value.items() if entry is not None)
        return f"{{ {pairs} }}" if pairs else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_value(entry) for entry in value if entry is not None)}]"
    if isinstance(value, int | float):
        return repr(value)
    return _text(str(value))
