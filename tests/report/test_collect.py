"""Which result files a path stands for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from levinthal.errors import UsageError
from levinthal.harness.results.result import Result
from levinthal.harness.results.store import load_result
from levinthal.report import find_results


def test_a_file_a_run_folder_and_a_folder_of_runs(tmp_path: Path, make_result: Callable[..., Result]) -> None:
    for name in ("sampling", "cvae"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "result.json").write_text(make_result(1).to_json())
    (tmp_path / "unfinished").mkdir()
    both = [tmp_path / "cvae" / "result.json", tmp_path / "sampling" / "result.json"]
    assert find_results([tmp_path]) == both
    assert find_results([tmp_path / "cvae"]) == both[:1]
    assert find_results([both[1], tmp_path]) == [both[1], both[0]]
    assert load_result(both[0]).workload.name == "cvae"


def test_nothing_found_names_the_path(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere does not exist"):
        find_results([tmp_path / "nowhere"])
    with pytest.raises(UsageError, match=r"holds no result\.json"):
        find_results([tmp_path])
    (tmp_path / "plan.json").touch()
    with pytest.raises(UsageError, match=r"levinthal resume"):
        find_results([tmp_path])
    with pytest.raises(UsageError, match=r"no result was named"):
        find_results([])
