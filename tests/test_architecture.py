"""The house as `docs/architecture.md` draws it: imports run downwards, the public face is as told, start is light."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys

import pytest

from import_graph import SOURCE, circles, floors, imports, modules, rooms_of, tree

GROUND = {"errors", "files", "lazy", "moved", "plugins"}
LIBRARY = {"kernels", "proteins", "simulation", "metrics", "datasets"}
MAY_IMPORT = {
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
    "report": GROUND | {"harness", "metrics"},
    "workloads": GROUND | LIBRARY | {"harness"},
    "sampling": {"lazy", "workloads"},
    "docking": {"lazy", "workloads"},
    "commands": GROUND | {"harness", "report", "datasets", "metrics"},
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
def test_no_circle_among_the_rooms_of_a_package(package):
    assert circles(rooms_of(package)) == []


def test_the_largest_packages_have_few_rooms_on_few_floors():
    for package, most_rooms, most_arrows, most_floors in (
        ("levinthal.workloads.sampling", 9, 23, 7),
        ("levinthal.harness", 7, 16, 5),
        ("levinthal.workloads.docking", 10, 27, 6),
    ):
        graph = rooms_of(package)
        assert len(graph) <= most_rooms, (package, sorted(graph))
        assert sum(map(len, graph.values())) <= most_arrows, (package, graph)
        assert floors(graph) <= most_floors, package


def test_every_module_has_a_docstring_and_says_what_is_public():
    for path in SOURCE.rglob("*.py"):
        parsed = tree(path)
        assert ast.get_docstring(parsed), path
        public = [
            node.name
            for node in parsed.body
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_")
        ]
        if public:
            names = [
                ast.unparse(target) for node in parsed.body if isinstance(node, ast.Assign) for target in node.targets
            ]
            assert "__all__" in names, path


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
