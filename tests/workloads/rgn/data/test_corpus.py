"""Records of a person's: what is left out is counted, and a file without any that can be used names the cause."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from levinthal.errors import DataError
from levinthal.proteins.records import format_record
from levinthal.workloads.rgn.data.corpus import Corpus, read_corpus
from rgn_examples import make_records

FURTHER = "[RAMA]\n-60.0\t-45.0\n[CHI]\n0.1\t0.2\n0.3\n"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LEVINTHAL_DATA", str(tmp_path / "data"))
    return tmp_path / "mine.txt"


def read(file: Path, on_fault: str = "skip") -> Corpus:
    return read_corpus(str(file), thinning="90", validation="", on_fault=on_fault, seed=0, folder=file.parent / "kept")  # type: ignore[arg-type]


def test_further_sections_are_counted_and_the_second_reading_knows_them_too(file: Path) -> None:
    texts = [format_record(record) for record in make_records(9)]
    plain, odd = file.with_name("plain.txt"), [text.rstrip("\n") + f"\n{FURTHER}\n" for text in texts]
    plain.write_text("".join(texts))
    file.write_text("".join(odd))
    for _ in range(2):
        found = read(file)
        assert found.left_out.sections == {"[RAMA]": 9, "[CHI]": 9}
        assert found.left_out.records == {"empty mask": 1}
        assert list(found.train) == list(read(plain).train)


def test_a_cache_that_was_damaged_is_made_again(file: Path) -> None:
    file.write_text("".join(format_record(record) for record in make_records(9)))
    first = read(file)
    whole = first.train.path.read_bytes()
    for damaged in (whole[:-60], whole[:-60] + bytes(60), b""):
        first.train.path.unlink()
        first.train.path.write_bytes(damaged)
        assert read(file).train.path.read_bytes() == whole


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda r: replace(r, profile=None), "9 with no profile.*give records with .EVOLUTIONARY. sections"),
        (lambda r: replace(r, mask=np.zeros(len(r), bool)), "9 with empty mask; the first: .*mine.txt, line"),
    ],
)
def test_a_file_without_a_record_to_learn_from_names_the_cause_not_the_cache(file: Path, change, says) -> None:
    records = [record for k, record in enumerate(make_records(10)) if k != 3]
    file.write_text("".join(format_record(change(record)) for record in records))
    with pytest.raises(DataError, match=f"mine.txt has no record to learn from .{says}") as caught:
        read(file)
    assert ".cache" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list((file.parent / "data").rglob("*.cache"))
