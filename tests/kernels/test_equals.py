"""Each kernel gives what plain numpy or torch gives: here, on every kind of processor, and with checked bounds."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from pathlib import Path

import llvmlite.binding as llvm
import pytest

import kernel_cases

AVX2 = ("sse4.2", "popcnt", "avx", "avx2", "fma", "bmi", "bmi2")
TARGETS = {"generic": (), "AVX2": AVX2, "AVX-512": (*AVX2, "avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl")}

OUT_OF_BOUNDS = """
import numpy as np
from levinthal.kernels.convolution.store import store_biased
from levinthal.kernels.convolution.transform import inward
from levinthal.kernels.potential import langevin
from levinthal.kernels.products import multiply_panels

def single(n):
    return np.zeros(n, np.float32)

start, noise = np.zeros(4), np.zeros((9, 2))
product = (1, 0, 1, 8, single(8), 8, single(128), single(16), 16)
transform = (0, 4, single(48), 0, 8, single(48), 0, 8, 8, 1, 0, 0)
path = (np.zeros((1, 6)), noise, start, 1.0, 1.0, 1.0, 1.0, 3, 3, np.zeros((3, 2)))
missed = 0
for kernel, right, wrong in (
    (multiply_panels, product, {4: single(7), 6: single(127), 7: single(15), 0: 2}),
    (inward, transform, {2: single(47), 3: -1, 5: single(40), 8: 16}),
    (store_biased, (single(32), single(16), True, single(32)), {3: single(31)}),
    (langevin, path, {9: np.zeros((2, 2))}),
):
    kernel(*right)
    for place, value in wrong.items():
        arguments = list(right)
        arguments[place] = value
        try:
            kernel(*arguments)
        except IndexError:
            continue
        missed += 1
print(missed)
"""


def run(words: list[str], cache: Path, **environment: str) -> str:
    tests, source = Path(kernel_cases.__file__).parent, Path(sys.modules["levinthal"].__file__).parent.parent
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("NUMBA_", "LEVINTHAL_"))}
    added = {"PYTHONPATH": f"{source}{os.pathsep}{tests}", "NUMBA_CACHE_DIR": str(cache), **environment}
    done = subprocess.run([sys.executable, *words], env={**kept, **added}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()


@pytest.mark.timeout(900)
@pytest.mark.parametrize("case", [*itertools.chain(*kernel_cases.GROUPS.values())], ids=lambda case: case.__name__)
def test_kernels_are_equal_to_plain_code(case):
    kernel_cases.check(case)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("group", kernel_cases.GROUPS)
@pytest.mark.parametrize("target", TARGETS)
def test_on_every_processor_that_this_one_can_be(target, group, pytestconfig):
    features = llvm.get_host_cpu_features()
    lacking = [name for name in TARGETS[target] if not features.get(name)]
    if lacking:
        pytest.skip(f"this processor has no {', '.join(lacking)}")
    forced = {"NUMBA_CPU_NAME": "generic"}
    if TARGETS[target]:
        forced["NUMBA_CPU_FEATURES"] = ",".join(f"+{name}" for name in TARGETS[target])
    cache = pytestconfig.cache.mkdir(f"kernels-{target}")
    assert run([kernel_cases.__file__, group], cache, **forced) == "generic"


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("group", kernel_cases.GROUPS)
def test_no_kernel_leaves_its_arrays(group, pytestconfig):
    cache = pytestconfig.cache.mkdir("kernels-checked")
    run([kernel_cases.__file__, group], cache, LEVINTHAL_DEBUG_KERNELS="1")


def test_an_index_outside_is_found_where_bounds_are_checked(pytestconfig):
    cache = pytestconfig.cache.mkdir("kernels-checked")
    assert run(["-c", OUT_OF_BOUNDS], cache, LEVINTHAL_DEBUG_KERNELS="1") == "0"
