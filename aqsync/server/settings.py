"""What can be set on the embedded server."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

DEFAULT_MAX_FILE_BYTES = 4 * 1024**3
"""4 GiB, as on an Aqueduct server whose settings were left alone."""


DEFAULT_MAX_TASKS = 2


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """What one server serves.

    Args:
        data: The directory that holds everything the server keeps; made if it is missing.
        token: What a client must send as ``Authorization: Bearer TOKEN``; none lets all in.
        max_file_bytes: The largest file that is accepted, in bytes.
        extensions: The directory that holds a folder for each extension; none: no extensions.
        max_tasks: How many tasks run at once; the others wait.
    """

    data: Path
    token: str | None = field(default=None, repr=False)
    max_file_bytes: int = DEFAULT_MAX_FILE_BYTES
    extensions: Path | None = None
    max_tasks: int = DEFAULT_MAX_TASKS
