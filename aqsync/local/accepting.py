"""What a person accepts by saying that a root is right: what stands there at that moment."""

from __future__ import annotations

from aqsync.config import MappingConfig
from aqsync.journal import Journal
from aqsync.journal.mappings import RootIdentity
from aqsync.local.disk import REAL_DISK, Disk
from aqsync.local.roots import held_root
from aqsync.local.submounts import Submounts


def as_it_stands(
    mapping: MappingConfig, journal: Journal, disk: Disk = REAL_DISK
) -> dict[str, RootIdentity]:
    """By path, a mapping's root (the empty path) and the disks that are mounted below it.

    Raises:
        RootUnusable: There is no root that could be accepted.
    """
    mapping_id = journal.mappings.get(mapping.name).id
    with held_root(mapping.directory, disk) as root:
        mounts = Submounts(
            root.disk,
            mapping.directory,
            root.identity.device,
            known=journal.mappings.mounts(mapping_id),
            accepts=lambda *_: True,
        )
        for path in journal.mappings.troubles(mapping_id):
            mounts.met_at(path)  # not every system has a table of mounts
    return {"": root.identity, **mounts.there}
