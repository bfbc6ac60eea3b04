"""Versions of the record's database: what changed in each, and how an older one is brought to the present.

1. The first.
2. A trajectory of the ensemble is a walker; before, it was a slot.
"""

from __future__ import annotations

import json
import sqlite3

FORMAT_VERSION = 2


def upgrade(database: sqlite3.Connection) -> None:
    """Bring a database of version 1 to the present one, whole or not at all; any other is left as it is."""
    try:
        found = dict(database.execute("SELECT key, value FROM meta"))
        header = dict(json.loads(found["header"]))
    except (sqlite3.DatabaseError, KeyError, TypeError, ValueError):
        return  # not a record: whoever reads it says so
    if found.get("version") != "1":
        return
    header["n_walkers"] = header.pop("n_slots", None)
    database.execute("BEGIN IMMEDIATE")
    for table in ("chunks", "decisions", "failures"):
        database.execute(f"ALTER TABLE {table} RENAME COLUMN slot TO walker")
    changed = [(json.dumps(header), "header"), (str(FORMAT_VERSION), "version")]
    database.executemany("UPDATE meta SET value = ? WHERE key = ?", changed)
    database.execute("COMMIT")
