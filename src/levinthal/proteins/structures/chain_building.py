"""Which residues of a file are in chains of a protein, which chains these are, and what is wrong with them.

Residues are known by their numbers in the file's order; nothing here knows of files.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import groupby

import gemmi

from levinthal.proteins.structures.backbone_bonds import HeavyAtoms, peptide_bonds
from levinthal.proteins.structures.residue_kinds import (
    CAPS,
    ResidueKind,
    has_backbone,
    ion_element,
    is_amino_acid_name,
    is_water,
    standard_name,
)

IN_CHAIN = frozenset({ResidueKind.AMINO_ACID, ResidueKind.CAP})
_LAST_OXYGENS = frozenset({"OXT", "OT2", "OC2"})
_FIRST_HYDROGENS = frozenset({"H3", "HT3", "3H", "HN3"})
_LONGEST_STEP_ANGSTROM = 3.8  # from CA to CA


@dataclass(frozen=True)
class Part:
    """A chain of the file, or a part of one.

    Attributes
    ----------
    name : str
        Of the chain.
    members : tuple of int
        Numbers of its residues.
    is_stated : bool
        Whether the file names a sequence for the chain (SEQRES, `_entity_poly_seq`).
    """

    name: str
    members: tuple[int, ...]
    is_stated: bool


class ChainBuilding:
    """The chains of a protein among the residues of a file.

    Parameters
    ----------
    residues : sequence of gemmi.Residue
        Of a model, in order.
    parts : sequence of Part

    Attributes
    ----------
    kinds : list of ResidueKind
        Of each residue.
    chains : list of list of int
        Numbers of the residues of each chain, caps included.
    rings : set of int
        Chains whose last residue is bonded to their first.
    repeated : list of str
        Residues of one name and number that lie in one place, in words without the file's name.
    alone : list of int
        Residues counted as part of a chain that are bonded to nothing in it.
    faults : list of str
        What else makes it another molecule than it seems.
    """

    def __init__(self, residues: Sequence[gemmi.Residue], parts: Sequence[Part]) -> None:
        self._residues, self._parts = residues, parts
        self._part_of = {k: part for part in parts for k in part.members}
        possible = {
            k for k, residue in enumerate(residues) if has_backbone(residue) or is_amino_acid_name(residue.name)
        }
        caps = {k for k, residue in enumerate(residues) if residue.name in CAPS}
        self._bonds = peptide_bonds(residues, possible | caps)
        self._before = {j: i for i, j in sorted(self._bonds)}
        self._after = dict(sorted(self._bonds))
        self.kinds = [self._kind(k, possible) for k in range(len(residues))]
        solvent = (ResidueKind.WATER, ResidueKind.ION)
        self._heavy = HeavyAtoms(residues, [k for k, kind in enumerate(self.kinds) if kind not in solvent])
        self._add_linked(caps)
        self.chains = self._joined()
        self._site = self._sites()
        self.rings = {self._site[i][0] for i, j in self._bonds if self._closes(i, j)}
        self.alone = [
            k for k, kind in enumerate(self.kinds)
            if kind is ResidueKind.AMINO_ACID and self._bonds and not {k} & (self._before.keys() | self._after.keys())
        ]  # fmt: skip
        self.repeated, overlaps = self._in_one_place()
        self.faults = [*overlaps, *self._out_of_order(), *self._ends(), *self._isopeptides()]

    def _kind(self, k: int, possible: Collection[int]) -> ResidueKind:
        residue = self._residues[k]
        if is_water(residue):
            return ResidueKind.WATER
        if k in possible:
            return ResidueKind.AMINO_ACID if self._is_in_chain(k, possible) else ResidueKind.OTHER
        return ResidueKind.OTHER if ion_element(residue) is None else ResidueKind.ION

    def _is_in_chain(self, k: int, possible: Collection[int]) -> bool:
        """Decide by bonds; where there are none, as in a piece cut out, by what else is in the chain.

        A free amino acid has a carboxylate, or is alone.
        """
        if k in self._before or k in self._after:
            return True
        residue, part = self._residues[k], self._part_of[k]
        if not self._bonds:
            return residue.het_flag != "H" or part.is_stated
        others = [other for other in part.members if other in possible and other != k]
        if not others:
            same = [other for each in self._parts if each.name == part.name for other in each.members]
            return part.is_stated and not any(other in possible and other != k for other in same)
        return residue.het_flag != "H" and not any(atom.name in _LAST_OXYGENS for atom in residue)

    def _add_linked(self, caps: Collection[int]) -> None:
        """Count as part of a chain a cap in its place, and a known amino acid without a backbone of the usual names."""
        for part in self._parts:
            if any(self.kinds[k] is ResidueKind.AMINO_ACID for k in part.members):
                for k in part.members:
                    if k in caps:
                        self.kinds[k] = ResidueKind.CAP
        for k, kind in enumerate(self.kinds):
            if kind is ResidueKind.AMINO_ACID:
                for other in self._beyond(k):
                    if self.kinds[other] is ResidueKind.OTHER and is_amino_acid_name(self._residues[other].name):
                        self.kinds[other] = ResidueKind.AMINO_ACID

    def _beyond(self, k: int) -> list[int]:
        """Return what a residue's N and C are bonded to where no residue precedes or follows."""
        found = [] if k in self._before else self._heavy.bonded_to(k, "N")
        return found + ([] if k in self._after else self._heavy.bonded_to(k, "C"))

    def _joined(self) -> list[list[int]]:
        """Return the chains: parts of one name are one where a peptide bond joins them, or residues lack between."""
        chains: list[list[int]] = []
        for part in self._parts:
            members = [k for k in part.members if self.kinds[k] in IN_CHAIN]
            if not members:
                continue
            same = [chain for chain in chains if self._part_of[chain[0]].name == part.name]
            before = [chain for chain in same if (chain[-1], members[0]) in self._bonds]
            if before or (same and self._goes_on(same[-1][-1], members[0])):
                (before or same)[-1].extend(members)
            else:
                chains.append(members)
        return chains

    def _goes_on(self, i: int, j: int) -> bool:
        """Say whether a chain goes on behind residues that are not there, as some programs write it with a TER.

        Its numbers leave out as many as the gap can hold, and neither side is made an end.
        """
        one, other = self._residues[i], self._residues[j]
        missing = (other.seqid.num or 0) - (one.seqid.num or 0)
        carbon, nitrogen = one.find_atom("C", "*"), other.find_atom("N", "*")
        if missing < 2 or carbon is None or nitrogen is None or {self.kinds[i], self.kinds[j]} & {ResidueKind.CAP}:
            return False
        is_end = any(atom.name in _LAST_OXYGENS for atom in one) or any(atom.name in _FIRST_HYDROGENS for atom in other)
        return not is_end and carbon.pos.dist(nitrogen.pos) <= missing * _LONGEST_STEP_ANGSTROM

    def _sites(self) -> dict[int, tuple[int, int]]:
        """Return chain and place of each residue; residues that share a number, one for another, share a place."""
        sites = {}
        for number, chain in enumerate(self.chains):
            groups = groupby(chain, key=lambda k: str(self._residues[k].seqid))
            for place, (_, members) in enumerate(groups):
                for k in members:
                    sites[k] = number, place
        return sites

    def _closes(self, i: int, j: int) -> bool:
        """Say whether a peptide bond joins the last residue of a chain to its first."""
        if i not in self._site or j not in self._site:
            return False
        (chain, place), (other, first) = self._site[i], self._site[j]
        return chain == other and first == 0 and place == self._site[self.chains[chain][-1]][1] > 1

    def _in_one_place(self) -> tuple[list[str], list[str]]:
        """Return what lies in one place, in words: residues of one name and number, and others."""
        same, others = [], []
        for a, b in self._heavy.in_one_place():
            if self.kinds[a] in IN_CHAIN and self.kinds[b] in IN_CHAIN and self._site[a] != self._site[b]:
                one, other = self._label(a), self._label(b)
                if one == other:
                    same.append(f"residue {one} stands there twice, in one place: remove one copy")
                else:
                    others.append(f"residues {one} and {other} lie in one place: remove one of them")
        return same, others

    def _out_of_order(self) -> list[str]:
        faults = []
        for i, j in sorted(self._bonds):
            if i not in self._site or j not in self._site or self._closes(i, j):
                continue
            (chain, place), (other, follows) = self._site[i], self._site[j]
            if (chain, place + 1) != (other, follows) and (chain, place) != (other, follows):
                faults.append(
                    f"residue {self._label(i)} is bonded to {self._label(j)} (C to N), which does not follow it: put "
                    "the residues of a chain in order, under one chain name"
                )
        return faults

    def _ends(self) -> list[str]:
        """Name what an open end is bonded to; a cap in its place and the ring's bond are no faults."""
        return [
            f"residue {self._label(k)} is bonded to {self._label(other)} by its backbone, which is not the peptide "
            "bond of a chain: remove that bond, or replace the residue"
            for k, kind in enumerate(self.kinds)
            if kind is ResidueKind.AMINO_ACID and has_backbone(self._residues[k])
            for other in self._beyond(k)
            if self.kinds[other] is not ResidueKind.CAP and self._site.get(other) != self._site[k]
        ]

    def _isopeptides(self) -> list[str]:
        """Name lysines whose side chain is bonded to another amino acid, as in rings closed by side chains."""
        return [
            f"residue {self._label(k)} is bonded to {self._label(other)} by its NZ, which closes a ring or joins two "
            "chains: no such bond is kept, give a protein without it"
            for k, kind in enumerate(self.kinds)
            if kind is ResidueKind.AMINO_ACID and standard_name(self._residues[k].name) == "LYS"
            for other in self._heavy.bonded_to(k, "NZ")
            if self.kinds[other] is ResidueKind.AMINO_ACID and self._label(other) != self._label(k)
        ]

    def _label(self, k: int) -> str:
        residue = self._residues[k]
        return " ".join(f"{residue.name} {self._part_of[k].name} {residue.seqid}".split())
