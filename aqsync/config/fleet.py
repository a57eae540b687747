"""Where the PCs of a lab keep their status files: the section ``fleet``."""

from __future__ import annotations

from pydantic import Field

from aqsync.config.private_file import read_private_file
from aqsync.config.section import A_DURATION, DAY, Duration, LocalPath, Section
from aqsync.errors import ConfigError

LEAST_EVERY_S = 10.0
LEAST_KEY_BYTES = 16


class FleetConfig(Section):
    """The fleet that this PC belongs to, or only looks at."""

    experiment: str = Field(pattern=r"^\d{8}-\d+$", description="an EID such as 20261123-1")
    name: str | None = Field(
        default=None,
        min_length=1,
        max_length=64,
        description="a name of at most 64 characters, or null",
    )
    """What people call this PC; None: it only looks at others, and writes nothing."""
    every: Duration = Field(
        default=300.0,
        ge=LEAST_EVERY_S,
        le=DAY,
        description=A_DURATION + ", from 10s to 1d",
    )
    """Seconds from one sign of life to the next."""
    key_file: LocalPath | None = Field(
        default=None, description="the path of a private file with the key, or null"
    )

    def key(self) -> bytes | None:
        """What signs the status files, read at each call and kept nowhere; None: nothing does.

        Raises:
            ConfigError: The file is missing, unreadable, open to others, or too short.
        """
        if self.key_file is None:
            return None
        text = read_private_file(self.key_file, "key file")
        if text is None:
            raise ConfigError(
                f"the key file {self.key_file} does not exist",
                hint="write the same secret into it on each PC of the fleet (mode 600)",
            )
        key = text.encode("latin-1").strip()
        if len(key) < LEAST_KEY_BYTES:
            raise ConfigError(
                f"the key file {self.key_file} holds fewer than {LEAST_KEY_BYTES} bytes",
                hint="make one with: head -c 32 /dev/urandom | base64",
            )
        return key
