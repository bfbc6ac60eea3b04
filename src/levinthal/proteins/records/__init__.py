"""Protein records in ProteinNet's formats: read, checked, written, and cached for training."""

from __future__ import annotations

from levinthal.proteins.records.archive import ArchiveMember, archive_members, open_member, read_archive
from levinthal.proteins.records.cache import RecordCache, write_cache
from levinthal.proteins.records.faults import Fault, FaultPolicy, FoundFault, chain_breaks, find_faults
from levinthal.proteins.records.proteinnet_example import read_tfrecord, write_tfrecord
from levinthal.proteins.records.reading import read_records
from levinthal.proteins.records.record import SECONDARY_LETTERS, ProteinRecord
from levinthal.proteins.records.text import format_record, read_text, write_text

__all__ = [
    "SECONDARY_LETTERS",
    "ArchiveMember",
    "Fault",
    "FaultPolicy",
    "FoundFault",
    "ProteinRecord",
    "RecordCache",
    "archive_members",
    "chain_breaks",
    "find_faults",
    "format_record",
    "open_member",
    "read_archive",
    "read_records",
    "read_text",
    "read_tfrecord",
    "write_cache",
    "write_text",
    "write_tfrecord",
]
