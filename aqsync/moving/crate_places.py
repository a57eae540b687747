"""Where files stand in a crate: as on their PC, as far as every system can have it. Pure."""

from __future__ import annotations

import unicodedata
from itertools import chain, count
from posixpath import splitext

from aqsync.layout.names import remote_name
from aqsync.layout.other_systems import not_on_windows

_MOST_BYTES = 240
"""Of a name: room for a number is left."""
_SAFE = frozenset(b"/-._~!$&'()*+,;=:@")


class Places:
    """Gives each file of a folder a place of its own, also where case does not count."""

    def __init__(self) -> None:
        self._files: set[str] = set()
        self._folders: set[str] = set()

    def give(self, path: str) -> str:
        """Return a place that no other file has, and none that another one needs for a folder.

        Args:
            path: Where the file stood: parts with ``/`` between them, none of them ``..``.
        """
        *above, last = map(safe_part, path.split("/"))
        place = ""
        for part in above:
            place = self._numbered(place, part, self._files)
            self._folders.add(_folded(place))
            place += "/"
        place = self._numbered(place, last, self._folders, self._files)
        self._files.add(_folded(place))
        return place

    @staticmethod
    def _numbered(above: str, part: str, *taken: set[str]) -> str:
        """A path below a folder, with a number if it is taken."""
        base, ending = splitext(part)
        names = chain([part], (f"{base} ({number}){ending}" for number in count(2)))
        places = (above + name for name in names)
        return next(place for place in places if not any(_folded(place) in each for each in taken))


def safe_part(part: str) -> str:
    """Return a part of a path as every system can have it; most stay as they are."""
    try:
        length = len(part.encode())
    except UnicodeEncodeError:
        return remote_name(part)  # which tells the bytes
    if length > _MOST_BYTES or not_on_windows(part) or not part.isprintable():
        return remote_name(part)
    return part


def identifier(path: str) -> str:
    """Return the identifier of what stands at a path in a crate: a relative IRI."""
    return "./" + "".join(map(_escaped, path))


def _escaped(character: str) -> str:
    if character.isalnum() or ord(character) in _SAFE:
        return character
    if not character.isascii() and unicodedata.category(character)[0] in "LMNPS":
        return character
    return "".join(f"%{byte:02X}" for byte in character.encode())


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()
