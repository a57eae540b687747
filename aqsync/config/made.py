"""Experiments that make themselves: ``experiment: new``, its folders and its templates."""

from __future__ import annotations

from collections.abc import Iterable

from aqsync.config import patterns

NEW = "new"
"""In the place of an EID: each folder gets an experiment of its own."""
FOLDER = "folder"
"""The name by which templates use a folder's path; a name of the pattern comes first."""
RESERVED = "aqsync:"
"""What no tag of a configuration begins with."""
A_TEMPLATE = 'a text such as "{date} {name}", with names of path, and with experiment: new only'
_MOST_TEMPLATE = 5000
_MOST_IDENTITY = 64


def folder_pattern(path: str | None, measurement: str | None) -> str:
    """The pattern of the folders that get an experiment each, with a slash at its end.

    Args:
        path: The mapping's ``path``; it counts if it is there.
        measurement: The folder of its ``measurement``.

    Raises:
        ValueError: Neither names folders.
    """
    if path is None:
        if measurement is None:
            raise ValueError(
                "experiment is new, and neither path nor measurement.folder says which folders"
                " get one"
            )
        return measurement
    folder = path.removesuffix("/**")
    if folder == path or not folder.strip("/") or folder.rpartition("/")[2] == "**":
        raise ValueError(f"{path!r} names no folders: it must end with a folder's name and /**")
    anchored = folder if folder.startswith(("/", "**/")) else f"/{folder}"
    patterns.compile_path_pattern(f"{anchored}/")
    return f"{anchored}/"


def check_value(key: str, value: str) -> None:
    """Refuse what cannot be a title, a description or an identity.

    Raises:
        ValueError: Why.
    """
    if key == "identity":
        if not value.strip() or len(value) > _MOST_IDENTITY or not value.isprintable():
            raise ValueError(f"{value!r} is not such a name")
        return
    if len(value) > _MOST_TEMPLATE:
        raise ValueError(f"it has more than {_MOST_TEMPLATE} characters")
    patterns.brace_names(value)


def require_names(folder: str, read: Iterable[str], template: str) -> None:
    """Refuse a template with a name that nothing gives.

    Args:
        folder: The pattern of the folders.
        read: The names of what is read from files.
        template: The template.

    Raises:
        ValueError: Which name.
    """
    known = {*patterns.brace_names(folder), *read, FOLDER}
    missing = [name for name in patterns.brace_names(template) if name not in known]
    if missing:
        raise ValueError(
            f"{{{missing[0]}}} in {template!r} does not stand in the pattern {folder!r}"
        )
