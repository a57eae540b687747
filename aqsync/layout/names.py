"""Paths to flat names, and back.

A name is computed once and stored, and every release must compute the same name for a path. So the
table of names in the tests is frozen.
"""

from __future__ import annotations

import hashlib
import re

MAX_NAME_BYTES = 255

# "/" becomes "~" first, so it does not occur. Characters that the server refuses, that break
# links, that are invisible, or that the Latin-1 header cannot carry:
_UNSAFE = re.compile('[\x00-\x1f\x7f-\xa0\xad"%*:<=>?#\\\\|~]|[^\x00-\xff]')
_ESCAPED = re.compile(r"(?:=[0-9A-F]{2})+")
DEVICE = re.compile(
    r"(?:CON|PRN|AUX|NUL|CLOCK\$|CONIN\$|CONOUT\$|(?:COM|LPT)[0-9\xb9\xb2\xb3])\ *(?:\.|\Z)",
    re.IGNORECASE | re.ASCII,
)
# One character, however many bytes of it are escaped: a cut goes between two of these.
_CHARACTER = re.compile(r"=[0-9A-F]{2}(?:=[89AB][0-9A-F]){0,3}|.")
_NOT_PLAIN = re.compile(r"[/\\\0]|\A(?:[A-Za-z]:|\.{0,2}\Z)")
_MAX_SUFFIX_BYTES = 16
_MOST_LABEL_BYTES = 96
_DIGEST_DIGITS = 16


def remote_name(path: str, prefix: str | None = None) -> str:
    """The flat name that a path has on the server.

    Args:
        path: A path relative to its root, with ``/`` between the parts, as `os.fsdecode` gives it.
        prefix: A first part to put before it.

    Returns:
        A name of at most 255 bytes that every server accepts. Different paths have different
        names. A name that would be longer is cut and holds ``=~`` and 16 hex digits of the whole
        path's SHA-256.
    """
    whole = path if prefix is None else f"{prefix}/{path}"
    name = _guard_ends(_UNSAFE.sub(_escape, whole).replace("/", "~"))
    return name if len(name.encode()) <= MAX_NAME_BYTES else _cut(whole, name)


def local_path(name: str) -> str | None:
    """The path, prefix and all, that has this name.

    Returns:
        The path; None for a cut name, and for one that `remote_name` never gives.
    """
    path = _ESCAPED.sub(_decode, name.replace("~", "/"))
    return path if remote_name(path) == name else None


def label_of_name(label: str) -> str:
    """What may stand in the name of a file on the server for people to read; at most 96 bytes."""
    shown = remote_name(label).replace("~", "-").encode()[:_MOST_LABEL_BYTES]
    return shown.decode(errors="ignore") or "-"


def is_plain(name: str) -> bool:
    """Tell whether a name from a server names a file in a directory, and no other place."""
    return _NOT_PLAIN.search(name) is None


def is_inside(path: str) -> bool:
    """Tell whether a relative path leads out of no directory without symbolic links in it."""
    return "\0" not in path and {"", ".", ".."}.isdisjoint(path.split("/"))


def _escape(found: re.Match[str]) -> str:
    return _hex(found[0])


def _hex(character: str) -> str:
    return "".join(f"={byte:02X}" for byte in _bytes(character))


def _bytes(text: str) -> bytes:
    """The bytes on disk; a surrogate that no file system gives has its own three."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def _decode(found: re.Match[str]) -> str:
    return bytes.fromhex(found[0].replace("=", "")).decode("utf-8", "surrogateescape")


def _guard_ends(name: str) -> str:
    if name.startswith(" ") or DEVICE.match(name):
        name = _hex(name[0]) + name[1:]
    if name.endswith((" ", ".")):
        name = name[:-1] + _hex(name[-1])
    return name


def _cut(whole: str, name: str) -> str:
    dot = name.rfind(".")
    suffix = name[dot:] if dot > 0 else ""
    if "~" in suffix or len(suffix.encode()) > _MAX_SUFFIX_BYTES:
        suffix = ""
    digest = hashlib.sha256(_bytes(whole)).hexdigest()[:_DIGEST_DIGITS]
    tail = f"=~{digest}{suffix}"
    room = MAX_NAME_BYTES - len(tail.encode())
    end = 0
    for found in _CHARACTER.finditer(name):
        room -= len(found[0].encode())
        if room < 0:
            break
        end = found.end()
    return name[:end] + tail
