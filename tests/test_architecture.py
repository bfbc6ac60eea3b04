"""The house as `docs/architecture.md` draws it: imports run downwards, the public face is as told, start is light."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import levinthal

SOURCE = Path(levinthal.__file__).parent

MAY_IMPORT = {
    "errors": set(),
    "proteins": {"errors"},
    "metrics": {"errors"},
    "datasets": {"errors"},
    "simulation": {"errors", "proteins"},
    "harness": {"errors", "metrics"},
    "report": {"errors", "harness"},
    "workloads": {"errors", "harness", "metrics", "simulation", "proteins", "datasets"},
    "cli": {"errors", "harness", "report", "datasets"},
    "__main__": {"cli"},
    "__init__": {"errors", "harness"},
}


def rooms_imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names = [node.module]
            if node.module == "levinthal":
                names = [f"levinthal.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        found |= {name.split(".")[1] for name in names if name.startswith("levinthal.")}
    return found - {"__version__"}


def test_imports_run_downwards():
    seen = set()
    for path in SOURCE.rglob("*.py"):
        room = path.relative_to(SOURCE).parts[0].removesuffix(".py")
        seen.add(room)
        allowed = MAY_IMPORT[room] | {room}
        assert rooms_imported(path) <= allowed, f"{path} imports upwards: {rooms_imported(path) - allowed}"
    assert seen == set(MAY_IMPORT)


def test_every_module_has_a_docstring_and_says_what_is_public():
    for path in SOURCE.rglob("*.py"):
        tree = ast.parse(path.read_text())
        assert ast.get_docstring(tree), path
        public = [
            node.name
            for node in tree.body
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_")
        ]
        if public:
            names = [
                ast.unparse(target) for node in tree.body if isinstance(node, ast.Assign) for target in node.targets
            ]
            assert "__all__" in names, path


def test_the_public_face():
    assert sorted(levinthal.__all__) == ["LevinthalError", "__version__", "load_result", "run"]
    for room in ("harness", "proteins", "simulation", "metrics"):
        module = __import__(f"levinthal.{room}", fromlist=["*"])
        for name in getattr(module, "__all__", []):
            assert hasattr(module, name), f"levinthal.{room}.{name}"


def test_importing_the_package_is_light():
    program = "import sys, levinthal, levinthal.cli; print(sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    for heavy in ("torch", "openmm", "mdtraj", "numba", "matplotlib", "numpy", "pydantic", "scipy"):
        assert f"'{heavy}'" not in loaded


def test_nothing_executes_a_file():
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in {"eval", "exec", "pickle.load", "pickle.loads", "torch.load", "yaml.load"}, path
