"""The package as `docs/architecture.md` draws it: imports run downwards, start is light, files and functions are small,
and the words are those of the field.
"""

from __future__ import annotations

import ast
import importlib
import re
import statistics
import subprocess
import sys

import pytest

from import_graph import SOURCE, circles, floors, imports, modules, rooms_of, tree

GROUND = {"arrays", "errors", "files", "lazy", "moved", "plugins"}
LIBRARY = {"kernels", "proteins", "simulation", "metrics", "datasets"}
MAY_IMPORT = {
    "arrays": set(),
    "errors": set(),
    "files": {"errors"},
    "lazy": set(),
    "moved": set(),
    "plugins": {"errors"},
    "kernels": set(),
    "proteins": GROUND | {"kernels"},
    "metrics": GROUND,
    "datasets": GROUND,
    "simulation": GROUND | {"kernels", "proteins"},
    "harness": GROUND | {"metrics"},
    "planning": GROUND | {"harness"},
    "report": GROUND | {"harness", "metrics"},
    "workloads": GROUND | LIBRARY | {"harness"},
    "sampling": {"lazy", "workloads"},
    "docking": {"lazy", "workloads"},
    "commands": GROUND | {"harness", "planning", "report", "datasets", "metrics"},
    "cli": GROUND | {"commands", "harness", "report", "datasets"},
    "__main__": {"cli"},
    "levinthal": {"errors", "harness", "moved"},
}


def room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else module


def test_imports_run_downwards():
    for module, wanted in imports().items():
        allowed = MAY_IMPORT[room_of(module)] | {room_of(module), "levinthal"}
        upwards = {each for each in wanted if room_of(each) not in allowed}
        assert not upwards, f"{module} imports upwards: {upwards}"


def test_no_module_takes_part_in_a_circle_of_imports():
    assert circles(imports()) == []


@pytest.mark.parametrize("package", sorted({each.rpartition(".")[0] for each in modules()} - {""}))
def test_no_circle_among_the_parts_of_a_package(package):
    assert circles(rooms_of(package)) == []


def test_the_largest_packages_have_few_parts_in_few_layers():
    for package, most_rooms, most_arrows, most_floors in (
        ("levinthal.workloads.sampling", 9, 23, 7),
        ("levinthal.harness", 6, 11, 4),
        ("levinthal.workloads.docking", 10, 27, 6),
    ):
        graph = rooms_of(package)
        assert len(graph) <= most_rooms, (package, sorted(graph))
        assert sum(map(len, graph.values())) <= most_arrows, (package, graph)
        assert floors(graph) <= most_floors, package


def test_every_module_has_a_docstring():
    for path in SOURCE.rglob("*.py"):
        assert ast.get_docstring(tree(path)), path


def test_no_module_imports_what_a_face_offers():
    faces = {f"levinthal.{each}" for each in ("proteins", "simulation", "metrics", "sampling", "docking")}
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ImportFrom) and node.module in faces:
                offered = set(importlib.import_module(node.module).__all__)
                assert not offered & {each.name for each in node.names}, f"{path}: import it where it is defined"


def test_importing_the_package_is_light():
    program = "import sys, levinthal, levinthal.cli; print(sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    for heavy in ("torch", "openmm", "mdtraj", "numba", "matplotlib", "numpy", "pydantic", "scipy"):
        assert f"'{heavy}'" not in loaded


def test_nothing_executes_a_file():
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in {"eval", "exec", "pickle.load", "pickle.loads", "torch.load", "yaml.load"}, path


def python_files():
    return [path for path in SOURCE.rglob("*.py") if path.name != "__init__.py"]


def functions(path):
    return [node for node in ast.walk(tree(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def test_files_hold_one_subject():
    lengths = sorted(len(path.read_text().splitlines()) for path in python_files())
    assert statistics.median(lengths) <= 150
    assert lengths[int(0.9 * len(lengths))] <= 300


def test_no_function_is_long():
    """Kernels apart, which are a loop that a compiler sees as a whole."""
    for path in python_files():
        if SOURCE / "kernels" not in path.parents:
            for node in functions(path):
                length = (node.end_lineno or 0) - node.lineno + 1
                assert length <= 80, f"{path}: {node.name} has {length} lines"


# What users call already: a change would break their programs.
MANY_PARAMETERS = {
    "levinthal.run",
    "levinthal.harness.contract.recording.comparison",
    "levinthal.harness.running.execute.start_run",
    "levinthal.simulation.dynamics.ensemble.simulate_ensemble",
    "levinthal.simulation.dynamics.replica.advance",
    "levinthal.workloads.sampling.loop.campaign.run_campaign",
}


def test_public_functions_have_at_most_eight_parameters():
    """Kernels and commands apart: the parameters of a command are the options of its users."""
    found = set()
    for module, path in modules().items():
        if room_of(module) in {"kernels", "commands"}:
            continue
        for node in functions(path):
            each = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            if not node.name.startswith("_") and len([arg for arg in each if arg.arg not in {"self", "cls"}]) > 8:
                found.add(f"{module}.{node.name}")
    assert found == MANY_PARAMETERS


def test_the_words_are_those_of_the_field():
    ours = re.compile(r"\b(mend|mends|mended|anew|yardstick|untold)\b", re.IGNORECASE)
    negated = re.compile(r"(?<!there )\bis no (?!longer)\w+", re.IGNORECASE)
    project = SOURCE.parents[1]
    texts = [path for path in SOURCE.rglob("*") if path.suffix in {".py", ".html", ".css", ".toml", ".yaml"}]
    for path in [*texts, project / "README.md", project / "CONTRIBUTING.md", *(project / "docs").rglob("*.md")]:
        for number, line in enumerate(path.read_text().splitlines(), 1):
            assert not ours.search(line), f"{path}:{number}: {line.strip()}"
            assert not negated.search(line), f"{path}:{number}: write 'is not a': {line.strip()}"


def test_docs_name_pages_and_modules_that_are_there():
    project = SOURCE.parents[1]
    there = [f"/{path.relative_to(SOURCE)}{'/' * path.is_dir()}" for path in SOURCE.rglob("*")]
    for path in [project / "README.md", project / "CONTRIBUTING.md", *(project / "docs").rglob("*.md")]:
        text = path.read_text()
        for link in re.findall(r"\]\(([^)#:]+)[^)]*\)", text):
            assert link.startswith("http") or (path.parent / link).exists(), f"{path}: {link}"
        if path.name == "architecture.md":
            for name in re.findall(r"`((?:\w+/)+(?:\w+\.py)?)`", text.replace("`tests/test_architecture.py`", "")):
                assert any(each.endswith(f"/{name}") for each in there), f"{path}: {name}"
