"""The default data: synthetic families with searched profiles, split so that whole families are unseen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from levinthal.harness import Run
from levinthal.proteins.records import ProteinRecord
from levinthal.proteins.sequences.profiles import Profile, search_profiles
from levinthal.proteins.sequences.sequence_search import SearchRecipe, SequenceDatabase
from levinthal.proteins.synthetic.families import ProteinFamily, make_families
from levinthal.proteins.synthetic.variants import CHANGES, Variant, make_variant
from levinthal.workloads.rgn.data.corpus import Corpus, Origin, keep_records
from levinthal.workloads.rgn.settings import RGNSettings

_E_VALUE, _ROUNDS = 1e-6, 2
_PARTS = {"train": 0.8, "validation": 0.1, "test": 0.1}


def make_corpus(run: Run, settings: RGNSettings, seed: int) -> Corpus:
    """Make families, search the profiles of their first members among all of them, and split by family.

    Parameters
    ----------
    run : Run
        Where phases, metrics and files go.
    settings : RGNSettings
    seed : int
        Of families and split.
    """
    with run.phase("generate", items=settings.families, doing="synthetic families"):
        families = make_families(
            settings.families, settings.homologues, lengths=(settings.shortest, settings.longest), seed=seed
        )
        database = SequenceDatabase.from_sequences(
            [(member.name, member.sequence) for family in families for member in family.members],
            "the synthetic families",
        )
    # ProteinNet's recipe is for real lengths: relatives of 40 to 64 residues cannot reach 1e-10 among 1e8 sequences.
    recipe = SearchRecipe(_ROUNDS, len(database), _E_VALUE, _E_VALUE, _E_VALUE, _E_VALUE)
    chosen = [member for family in families for member in family.members[: settings.members]]
    with run.phase("profile", items=len(chosen), doing="searching profiles of the families"):
        profiles = search_profiles(
            [(member.name, member.sequence) for member in chosen], database, recipe=recipe, n_workers=run.n_workers
        )
    found = {profile.name: profile for profile in profiles}
    with run.phase("load", items=len(chosen), doing="writing and mapping the records"):
        order = np.random.default_rng(seed).permutation(len(families))
        ends = np.round(np.cumsum([0.0, *_PARTS.values()]) * len(families)).astype(int)
        caches = {
            part: keep_records(
                run.folder / "records" / f"{part}.cache",
                (
                    _with_profile(member, found[member.name].values, part)
                    for number in sorted(order[first:last])
                    for member in families[number].members[: settings.members]
                ),
            )
            for part, first, last in zip(_PARTS, ends[:-1], ends[1:], strict=True)
        }
    return Corpus(
        Origin("synthetic protein families", "2", "synthetic"),
        caches["train"],
        caches["validation"],
        caches["test"],
        held_out=True,
        n_without_relatives=sum(each.n_hits < 2 for each in profiles),
        variants=_variants([families[number] for number in sorted(order[ends[-2] :])], found, seed),
    )


def _variants(families: Sequence[ProteinFamily], found: Mapping[str, Profile], seed: int) -> tuple[Variant, ...]:
    """Draw a variant of each kind of the first member of each family."""
    drawn = []
    for number, family in enumerate(families):
        wild = family.members[0]
        wild = replace(wild, profile=found[wild.name].values)
        rng = np.random.default_rng([seed, number])
        drawn += [make_variant(rng, family, wild, change) for change in CHANGES]
    return tuple(each for each in drawn if each is not None)


def _with_profile(member: ProteinRecord, values: np.ndarray, part: str) -> ProteinRecord:
    name = f"unseen families#{member.name}" if part == "test" else member.name
    return replace(member, name=name, profile=values)
