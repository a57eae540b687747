"""The directory of a mapping: which one it is, held during a look, or why it is not used."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from aqsync.errors import RootBehindLink, RootUnusable
from aqsync.journal.mappings import RootIdentity
from aqsync.local.disk import REAL_DISK, Disk
from aqsync.local.handles import UntrustedLink


def root_identity(directory: Path, disk: Disk = REAL_DISK) -> RootIdentity:
    """Which directory a mapping's root is now.

    Raises:
        RootUnusable: It is missing, no directory, cannot be entered, or is reached through a
            symbolic link of others.
    """
    with _telling_what_is_wrong(directory):
        return disk.identity(directory)


def require_enterable(directory: Path, entry: str, disk: Disk) -> None:
    """See whether it is a root itself that is closed, and not just an entry of it.

    Args:
        directory: The root.
        entry: The name of something that is there, and cannot be opened.
        disk: Where the root is.

    Raises:
        RootUnusable: It is the root.
    """
    with _telling_what_is_wrong(directory):
        disk.look(directory, entry)


class StandingRoot(NamedTuple):
    """What stands at a root."""

    disk: Disk
    """It holds that directory: what takes its place later is not seen."""
    identity: RootIdentity


@contextmanager
def held_root(directory: Path, disk: Disk, owners: Collection[int] = ()) -> Iterator[StandingRoot]:
    """Hold what stands at a mapping's root.

    Args:
        directory: The root.
        disk: Where it is.
        owners: As for `Disk.holding`.

    Raises:
        RootUnusable: As `root_identity`.
    """
    with ExitStack() as stack:
        with _telling_what_is_wrong(directory):
            held = stack.enter_context(disk.holding(directory, owners))
        yield StandingRoot(held, root_identity(directory, held))


@contextmanager
def _telling_what_is_wrong(directory: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as exc:
        raise RootUnusable(
            f"the directory {directory} does not exist",
            hint="is its disk mounted? else correct `directory` in the configuration; a service of"
            " the system sees a new place only after `aqsync service install`",
        ) from exc
    except NotADirectoryError as exc:
        raise RootUnusable(
            f"{directory} is not a directory", hint="correct `directory` in the configuration"
        ) from exc
    except UntrustedLink as exc:
        raise RootBehindLink(
            f"the directory {directory} is not used: {exc.strerror}",
            hint="let `directory` in the configuration be the path without the link",
        ) from exc
    except OSError as exc:
        raise RootUnusable(
            f"the directory {directory} cannot be looked at: {exc.strerror}",
            hint="let the user that aqsync runs as read and enter it",
        ) from exc
