"""Structures, sequences and records of proteins: what a library user may import."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levinthal.lazy import lazily

if TYPE_CHECKING:
    from levinthal.proteins.contact_maps.files import convert_contact_maps, read_contact_maps, write_contact_maps
    from levinthal.proteins.contact_maps.maps import ContactMaps, expand_contacts, pack_contacts, pack_maps
    from levinthal.proteins.geometry.backbone import build_backbone, internal_coordinates
    from levinthal.proteins.geometry.distance_rmsd import distance_rmsd
    from levinthal.proteins.records.faults import FaultPolicy
    from levinthal.proteins.records.proteinnet_example import write_tfrecord
    from levinthal.proteins.records.reading import read_records
    from levinthal.proteins.records.record import ProteinRecord
    from levinthal.proteins.records.text import write_text
    from levinthal.proteins.sequences.fasta import read_fasta
    from levinthal.proteins.sequences.profiles import search_profiles
    from levinthal.proteins.sequences.sequence_search import SequenceDatabase
    from levinthal.proteins.similarity.fractions import fraction_native_contacts, radius_of_gyration, rmsd
    from levinthal.proteins.similarity.secondary_structure import helical_fraction
    from levinthal.proteins.similarity.structure_scores import score_structure, tm_score
    from levinthal.proteins.structures.backbone_chain import BackboneChain
    from levinthal.proteins.structures.backbone_files import read_backbone
    from levinthal.proteins.structures.structure_files import write_mmcif, write_pdb
    from levinthal.proteins.synthetic.families import make_families

__all__ = [
    "BackboneChain",
    "ContactMaps",
    "FaultPolicy",
    "ProteinRecord",
    "SequenceDatabase",
    "build_backbone",
    "convert_contact_maps",
    "distance_rmsd",
    "expand_contacts",
    "fraction_native_contacts",
    "helical_fraction",
    "internal_coordinates",
    "make_families",
    "pack_contacts",
    "pack_maps",
    "radius_of_gyration",
    "read_backbone",
    "read_contact_maps",
    "read_fasta",
    "read_records",
    "rmsd",
    "score_structure",
    "search_profiles",
    "tm_score",
    "write_contact_maps",
    "write_mmcif",
    "write_pdb",
    "write_text",
    "write_tfrecord",
]

__getattr__, __dir__ = lazily(__name__)
