"""Files that share their bytes: a copy that costs nothing, where the file system can (reflink)."""

from __future__ import annotations

import sys

if sys.platform == "linux":
    import fcntl

    _CLONE = 0x40049409
    """FICLONE."""

    def cloned(source: int, target: int) -> bool:
        """Let an empty file share all bytes of another one.

        Args:
            source: Open for reading.
            target: Open for writing.

        Returns:
            Whether it does now; false where the file system cannot, or the two lie apart.
        """
        try:
            fcntl.ioctl(target, _CLONE, source)
        except OSError:
            return False
        return True

else:

    def cloned(source: int, target: int) -> bool:  # noqa: ARG001 - of Linux
        """False: this system cannot."""
        return False
