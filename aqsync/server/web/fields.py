"""The fields of a link or of a small form."""

from __future__ import annotations

from urllib.parse import parse_qs

_MOST_FIELDS = 100


class Fields:
    """Reads ``name=value&...``; a field that is not there is empty, of several the first counts.

    Args:
        encoded: The fields as they were sent.
    """

    def __init__(self, encoded: bytes) -> None:
        try:
            found = parse_qs(
                encoded.decode("latin-1"), errors="replace", max_num_fields=_MOST_FIELDS
            )
        except ValueError:
            found = {}
        self._found = found

    def __getitem__(self, name: str) -> str:
        values = self._found.get(name)
        return values[0] if values else ""
