"""Does the server have exactly what was selected here, byte for byte?"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

from aqsync.layout.names import remote_name
from aqsync.local.rules import Rules


def selected_files(root: Path, rules: Rules) -> dict[str, str]:
    """Every regular file below a directory that the rules select.

    Args:
        root: The directory.
        rules: What is left out.

    Returns:
        By remote name, the path relative to the root.
    """
    found: dict[str, str] = {}
    for folder, folders, names in os.walk(root):
        relative = Path(folder).relative_to(root).as_posix()
        prefix = "" if relative == "." else f"{relative}/"
        folders[:] = [name for name in folders if rules.enters(prefix + name)]
        for name in names:
            path = prefix + name
            is_regular = (root / path).is_file() and not (root / path).is_symlink()
            if is_regular and rules.selects(path):
                found[remote_name(path)] = path
    return found


def differences(
    local: Mapping[str, Path], listed: Collection[str], remote_sha256: Callable[[str], bytes]
) -> Iterator[str]:
    """Compare what is here with what is there.

    Args:
        local: By remote name, the file here.
        listed: The names that the server lists.
        remote_sha256: Reads a file back and gives its digest.

    Yields:
        A line for each difference.
    """
    for name in sorted(local.keys() | set(listed)):
        if name not in listed:
            yield f"{local[name]} is not on the server (it would be {name})"
        elif name not in local:
            yield f"{name} is on the server, and no selected file here has this name"
        else:
            try:
                ours = _sha256(local[name])
            except OSError as exc:
                yield f"{local[name]} cannot be read: {exc.strerror}"
                continue
            theirs = remote_sha256(name)
            if ours != theirs:
                yield (
                    f"{local[name]} differs from {name} on the server:"
                    f" SHA-256 {ours.hex()[:16]}... here, {theirs.hex()[:16]}... there"
                )


def _sha256(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
