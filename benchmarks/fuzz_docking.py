"""Mutated PDBQT, SDF, MOL2, PDB, SMILES inputs, templates, libraries: each is read, or refused with one typed line.

Good inputs are made on the spot (small molecules by RDKit, peptides by PeptideBuilder), broken in one to four ways, and
prepared for docking. Anything but a molecule or a `LevinthalError` of one line, over 15 s, or over 1 GiB of new memory,
is a failure: its seed is printed, and `--seed N --count 1` repeats it. A crash of the process is one too: every seed is
written to standard error before it runs when `--trace` is given.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import resource
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from functools import cache

import numpy as np
from rdkit import Chem
from rdkit.Chem import AllChem

from levinthal.errors import DataError, LevinthalError
from levinthal.workloads.docking.molecules.molecule import Ligand, Receptor
from levinthal.workloads.docking.preparation import ligand_to_pdbqt, receptor_to_pdbqt
from levinthal.workloads.docking.preparation.compound_tables import rows_of
from levinthal.workloads.docking.preparation.ligands import (
    ligand_from_mol2,
    ligand_from_mol_block,
    ligand_from_smiles,
)
from levinthal.workloads.docking.preparation.pdbqt import ligand_from_pdbqt, receptor_from_pdbqt
from levinthal.workloads.docking.preparation.receptors import receptor_from_structure
from levinthal.workloads.docking.preparation.templates import with_bond_orders

MOST_SECONDS = 15.0
MOST_NEW_MIB = 1024
SMILES = (
    "Cc1ccc(C)cc1", "CC(=O)Oc1ccccc1C(=O)O", "CN1C=NC2=C1C(=O)N(C(=O)N2C)C", "CC(C)Cc1ccc(cc1)C(C)C(=O)O",
    "O=S(=O)(N)c1ccc(Cl)cc1", "C1CC1F", "[NH3+]CC(=O)[O-]", "CP(=O)(O)O", "BrC#CI", "C[C@H](N)C(=O)O",
    "C/N=N\\C(C)(C)C", "C/C=C\\CO", "c1ccc2[nH]ccc2c1",
)  # fmt: skip
PEPTIDES = ("AG", "SHK", "PWA", "CDE", "MFY")
TOKENS = (
    "nan",
    "inf",
    "-inf",
    "1e999",
    "1_0",
    "0x1p3",
    "--1",
    "",
    "1" * 300,
    "\x00",
    "\ufffd",
    "\t",
    "\n\n",
    "\r",
    "%99",
)
TOKENS += (
    "ROOT\n",
    "ENDROOT\n",
    "BRANCH 1 2\n",
    "ENDBRANCH 1 2\n",
    "MODEL 2\n",
    "ENDMDL\n",
    "TER\n",
    "M  END\n",
    "$$$$\n",
)
TOKENS += (
    "(",
    ")",
    "[",
    "]",
    "[Fe+9]",
    "c1",
    "=",
    "#",
    "%10",
    "@",
    "@@",
    ".",
    "[2H]",
    "[C-9]",
    "9" * 30,
    "C" * 120,
    "*",
)
TOKENS += ("V3000", "999", "-1", "HETATM", "ATOM  ", "ZN", "Qq", "OA", "W", "G0", "CG0", "@<TRIPOS>BOND\n")


@cache
def molecule(smiles: str) -> Chem.Mol:
    found = Chem.AddHs(Chem.MolFromSmiles(smiles))
    AllChem.EmbedMolecule(found, randomSeed=1)
    return found


@cache
def ligand(smiles: str) -> Ligand:
    return ligand_from_mol_block(Chem.MolToMolBlock(molecule(smiles)), "ligand")


@cache
def peptide(sequence: str) -> str:
    import PeptideBuilder
    from Bio.PDB import PDBIO

    out = io.StringIO()
    writer = PDBIO()
    angles = [-60.0] * (len(sequence) - 1)
    writer.set_structure(PeptideBuilder.make_structure(sequence, angles, angles))
    writer.save(out)
    water = "HETATM  901  O   HOH B   1      30.000   0.000   0.000  1.00  0.00           O"
    return out.getvalue().replace("END", f"{water}\nEND")


@cache
def receptor(sequence: str) -> Receptor:
    return receptor_from_structure(peptide(sequence), "peptide")


def mol2(found: Chem.Mol) -> str:
    """Write a MOL2 file with the simplest of Sybyl's types."""
    hybrid = {"C": "C.3", "N": "N.3", "O": "O.3", "S": "S.3", "P": "P.3"}
    places = found.GetConformer().GetPositions()
    lines = [
        "@<TRIPOS>MOLECULE",
        "ligand",
        f"{found.GetNumAtoms()} {found.GetNumBonds()} 1 0 0",
        "SMALL",
        "NO_CHARGES",
        "",
    ]
    lines.append("@<TRIPOS>ATOM")
    for k, (atom, (x, y, z)) in enumerate(zip(found.GetAtoms(), places, strict=True), 1):
        symbol = atom.GetSymbol()
        kind = "C.ar" if atom.GetIsAromatic() and symbol == "C" else hybrid.get(symbol, symbol)
        lines.append(f"{k} {symbol}{k} {x:.4f} {y:.4f} {z:.4f} {kind} 1 LIG 0.0")
    lines.append("@<TRIPOS>BOND")
    for k, bond in enumerate(found.GetBonds(), 1):
        order = "ar" if bond.GetIsAromatic() else str(int(bond.GetBondTypeAsDouble()))
        lines.append(f"{k} {bond.GetBeginAtomIdx() + 1} {bond.GetEndAtomIdx() + 1} {order}")
    return "\n".join([*lines, ""])


def with_template(smiles: str) -> str:
    """Return a PDBQT file with the SMILES that its bond orders come from, as meeko writes them."""
    return f"REMARK SMILES {smiles}\n{ligand_to_pdbqt(ligand(smiles))}"


def templated(text: str, name: str) -> Ligand:
    return with_bond_orders(ligand_from_pdbqt(text, name), text)


def table(rng: random.Random) -> str:
    """Return a library in one of the shapes that people write."""
    head, separator = rng.choice(
        (("", " "), ("smiles name active\n", " "), ("smiles,id\n", ","), ("SMILES\tID\n", "\t"))
    )
    rows = [separator.join((smiles, f"c{k}", "active")) for k, smiles in enumerate(rng.sample(SMILES, 3))]
    return head + "\n".join(rows) + "\n"


def of_table(text: str, name: str) -> Ligand:
    """Read a library and prepare its first compound."""
    rows = rows_of(text, name)
    if not rows:
        raise DataError("no compound")
    return ligand_from_smiles(rows[0].smiles, rows[0].name or name)


GOOD: dict[str, tuple[Callable[[random.Random], str], Callable[[str, str], Ligand | Receptor]]] = {
    "ligand pdbqt": (lambda rng: ligand_to_pdbqt(ligand(rng.choice(SMILES))), ligand_from_pdbqt),
    "receptor pdbqt": (lambda rng: receptor_to_pdbqt(receptor(rng.choice(PEPTIDES))), receptor_from_pdbqt),
    "sdf": (lambda rng: Chem.MolToMolBlock(molecule(rng.choice(SMILES))) + "$$$$\n", ligand_from_mol_block),
    "mol2": (lambda rng: mol2(molecule(rng.choice(SMILES))), ligand_from_mol2),
    "pdb": (lambda rng: peptide(rng.choice(PEPTIDES)), receptor_from_structure),
    "smiles": (lambda rng: rng.choice(SMILES), ligand_from_smiles),
    "template": (lambda rng: with_template(rng.choice(SMILES)), templated),
    "table": (table, of_table),
}


def flip(text: str, rng: random.Random) -> str:
    at = rng.randrange(len(text)) if text else 0
    return text[:at] + chr(rng.choice((rng.randrange(32, 127), rng.randrange(1, 0x2FF)))) + text[at + 1 :]


def cut(text: str, rng: random.Random) -> str:
    return text[: rng.randrange(len(text) + 1)]


def remove(text: str, rng: random.Random) -> str:
    at = rng.randrange(len(text) + 1)
    return text[:at] + text[at + rng.choice((1, 2, 8, 80)) :]


def repeat(text: str, rng: random.Random) -> str:
    at = rng.randrange(len(text) + 1)
    return text[:at] + text[at : at + rng.choice((1, 30, 500))] * rng.choice((2, 3, 20)) + text[at:]


def insert(text: str, rng: random.Random) -> str:
    at = rng.randrange(len(text) + 1)
    return text[:at] + rng.choice(TOKENS) + text[at:]


def token(text: str, rng: random.Random) -> str:
    words = text.split(" ")
    words[rng.randrange(len(words))] = rng.choice(TOKENS)
    return " ".join(words)


def number(text: str, rng: random.Random) -> str:
    """Put another number of the same width in the place of one."""
    digits = [at for at, character in enumerate(text) if character.isdigit()]
    if not digits:
        return text
    at = rng.choice(digits)
    return text[:at] + str(rng.randrange(10)) + text[at + 1 :]


def line(text: str, rng: random.Random) -> str:
    lines = text.split("\n")
    one, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    how = rng.randrange(4)
    if how == 0:
        del lines[one]
    elif how == 1:
        lines.insert(one, lines[other])
    elif how == 2:
        lines[one], lines[other] = lines[other], lines[one]
    else:
        lines[one] = lines[one] * rng.choice((2, 50))
    return "\n".join(lines)


def blow_up(text: str, rng: random.Random) -> str:
    at = rng.randrange(len(text) + 1)
    piece = rng.choice(("\n", "A", "0 ", "ATOM\n", "C", "(", "[", "M  CHG\n", "1", "c1ccccc1"))
    return text[:at] + piece * rng.choice((200, 20_000)) + text[at:]


MUTATIONS: tuple[Callable[[str, random.Random], str], ...] = (
    flip, flip, cut, remove, repeat, insert, insert, token, token, number, number, number, line, line, blow_up,
)  # fmt: skip


def mutant(kind: str, seed: int) -> str:
    """Return the mutated input of a seed."""
    rng = random.Random(seed)
    text = GOOD[kind][0](rng)
    for _ in range(rng.choice((1, 1, 2, 4))):
        text = rng.choice(MUTATIONS)(text, rng)
    return text


def read(kind: str, text: str) -> str:
    """Prepare an input and return `read` or `refused`; anything else is raised."""
    try:
        found = GOOD[kind][1](text, "mutant")
    except LevinthalError as error:
        if "\n" in str(error) or len(str(error)) > 800:
            raise AssertionError(f"not one short line: {error}") from error
        return "refused"
    assert np.isfinite(found.coordinates_angstrom).all()
    assert (found.vina_types < 19).all()
    return "read"


def fuzz(seeds: range, trace: bool = False) -> dict[str, object]:
    """Prepare the mutants of all seeds and return what became of them."""
    kinds = tuple(GOOD)
    outcomes: dict[str, Counter[str]] = {kind: Counter() for kind in kinds}
    failures: list[str] = []
    worst_s, worst_seed = 0.0, -1
    for kind in kinds:  # imported, and proved good, before anything is measured
        assert read(kind, GOOD[kind][0](random.Random(0))) == "read", kind
    before_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    for seed in seeds:
        kind = kinds[seed % len(kinds)]
        text = mutant(kind, seed)
        if trace:
            print(f"seed {seed} ({kind})", file=sys.stderr, flush=True)
        began = time.perf_counter()
        try:
            outcome = read(kind, text)
        except (Exception, RecursionError):
            outcome = "failed"
            failures.append(f"seed {seed} ({kind}): {traceback.format_exc(limit=-3)}")
        took = time.perf_counter() - began
        if took > worst_s:
            worst_s, worst_seed = took, seed
        outcomes[kind][outcome] += 1
    new_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before_mib
    return {
        "what": "mutated PDBQT, SDF, MOL2, PDB and SMILES inputs, templates and libraries prepared or refused",
        "seeds": f"{seeds.start} to {seeds.stop - 1}",
        "inputs": len(seeds),
        "outcomes": {kind: dict(counts) for kind, counts in outcomes.items()},
        "worst_s": round(worst_s, 3),
        "worst_seed": worst_seed,
        "peak_new_mib": round(new_mib, 1),
        "failures": failures,
        "passed": not failures and worst_s < MOST_SECONDS and new_mib < MOST_NEW_MIB,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=5_000, help="inputs (default 5,000)")
    parser.add_argument("--seed", type=int, default=0, help="the first seed (default 0)")
    parser.add_argument("--trace", action="store_true", help="name each seed before it runs")
    options = parser.parse_args()
    result = fuzz(range(options.seed, options.seed + options.count), options.trace)
    for failure in result["failures"]:  # type: ignore[attr-defined]
        print(failure, file=sys.stderr)
    result["failures"] = len(result["failures"])  # type: ignore[arg-type]
    print(json.dumps(result))
    return 0 if result["passed"] else 1


if __name__ == "__main__":
    raise SystemExit(main())
