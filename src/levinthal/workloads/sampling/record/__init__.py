"""The record of a campaign: SQLite rows beside an append-only frame file."""
