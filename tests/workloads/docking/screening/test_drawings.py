"""The pictures of a screen: what they show, and that nothing of a library gets out of them."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from levinthal.workloads.docking.preparation import prepare_ligand
from levinthal.workloads.docking.preparation.library import LibraryEntry
from levinthal.workloads.docking.screening.drawings import formula, rankings_svg, top_svg
from levinthal.workloads.docking.screening.rankings import DOCKING, enrichments
from levinthal.workloads.docking.screening.screen import Hit

HOSTILE = "</svg><script>alert(1)</script>&"


def hit(smiles: str, name: str, affinity: float, active: bool | None = None) -> Hit:
    ligand = prepare_ligand(smiles, name)
    return Hit(LibraryEntry(name, smiles, active), ligand, affinity, np.zeros((1, 3)), 0, 0.1)


def test_cards_show_name_score_efficiency_and_conformers():
    hits = [hit("Cc1ccccc1", HOSTILE, -4.9, True), hit("C[C@H](N)C(=O)O", "alanine", -3.0), hit("CCO", "n" * 60, -2.0)]
    drawing = ET.fromstring(top_svg(hits))
    texts = [each.text for each in drawing.iter("{http://www.w3.org/2000/svg}text")]
    assert texts[:3] == [f"1. {HOSTILE[:27]}…", "-4.90 kcal/mol, known active", "-0.70 a heavy atom, 1 conformer"]
    assert len(texts) == 9
    assert max(map(len, texts)) < 50
    tags = {each.tag.removeprefix("{http://www.w3.org/2000/svg}") for each in drawing.iter()}
    assert tags <= {"svg", "g", "rect", "path", "text", "ellipse", "polygon"}
    assert not re.search(r"\bon\w+=|href|url\(|script>", top_svg(hits))
    assert len(list(ET.fromstring(top_svg(hits * 6)).iter("{http://www.w3.org/2000/svg}text"))) == 3 * 12


def test_a_formula_that_cannot_be_drawn_leaves_a_blank():
    assert formula("not a mol block", 100, 80) == ""
    assert formula(prepare_ligand("CCO").mol_block, 100, 80).count("<path") > 2


def test_a_score_that_is_size_is_worth_as_much_as_size():
    hits = [hit("C" * n, f"c{n}", -0.5 * n, n > 6) for n in (4, 5, 6, 7, 8)]
    found = enrichments(hits)
    assert found[DOCKING].bedroc.value == found["size alone"].bedroc.value
    assert found[DOCKING].roc_auc.value == 1.0
    assert found["ligand efficiency"].roc_auc.value == pytest.approx(0.5)
    texts = [each.text for each in ET.fromstring(rankings_svg(found)).iter() if each.text]
    assert {"docking score", "ligand efficiency", "size alone", "1.00", "0.50"} <= set(texts)
    assert set(enrichments([hit("CC", "x", -1.0)]).values()) == {None}
