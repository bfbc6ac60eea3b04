"""The imports of the package as a graph: by the module that defines a name, so that a re-export hides none."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

import levinthal

SOURCE = Path(levinthal.__file__).parent


@cache
def modules() -> dict[str, Path]:
    """Return each module's file by its dotted name."""
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def _asked_for(path: Path) -> list[tuple[str, str | None]]:
    found: list[tuple[str, str | None]] = []
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom) and node.level == 0 and (node.module or "").split(".")[0] == "levinthal":
            found += [(str(node.module), alias.name) for alias in node.names]
        elif isinstance(node, ast.Import):
            found += [(alias.name, None) for alias in node.names if alias.name.startswith("levinthal.")]
    return found


@cache
def imports() -> dict[str, frozenset[str]]:
    """Return the modules that each module imports anywhere in it, also inside functions and for type checkers."""
    files = modules()
    asked = {name: _asked_for(path) for name, path in files.items()}

    def defining(module: str, name: str | None, seen: tuple[str, ...] = ()) -> str | None:
        if name and f"{module}.{name}" in files:
            return f"{module}.{name}"
        if module not in files:
            return None
        if name and files[module].name == "__init__.py" and module not in seen:
            for origin, taken in asked[module]:
                if taken == name:
                    return defining(origin, name, (*seen, module))
        return module

    return {
        name: frozenset(found for each in wanted if (found := defining(*each)) and found != name)
        for name, wanted in asked.items()
    }


def circles(graph: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """Return the groups of nodes that reach each other, by Tarjan's algorithm."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        order[node] = low[node] = len(order)
        stack.append(node)
        for other in graph.get(node, ()):
            if other not in order:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], order[other])
        if low[node] == order[node]:
            group = []
            while not group or group[-1] != node:
                group.append(stack.pop())
            if len(group) > 1:
                found.append(sorted(group))

    for node in graph:
        if node not in order:
            visit(node)
    return found


def rooms_of(package: str) -> dict[str, set[str]]:
    """Return what each module or package directly below `package` imports of the others there."""

    def room(module: str) -> str | None:
        return module[len(package) + 1 :].split(".", maxsplit=1)[0] if module.startswith(f"{package}.") else None

    graph: dict[str, set[str]] = {name: set() for each in modules() if (name := room(each))}
    for module, wanted in imports().items():
        for other in wanted:
            here, there = room(module), room(other)
            if here and there and here != there:
                graph[here].add(there)
    return graph


def floors(graph: Mapping[str, set[str]]) -> int:
    """Return the length of the longest way down; only of a graph without circles."""

    @cache
    def height(node: str) -> int:
        return 1 + max((height(other) for other in graph[node]), default=0)

    return max(map(height, graph), default=0)
