"""The journal: what was observed, in SQLite."""
