"""What people and programs do on the disk."""

from __future__ import annotations

import random
from collections.abc import Callable

from aqsync.config import MappingConfig
from aqsync.local.rules import IGNORE_FILE
from tests.simulation.fake_disk import WRITE_BACK_S
from tests.simulation.places import DATABASE, FILES, FOLDERS, OUTSIDE, SCRATCH, any_folder, any_path
from tests.simulation.world import World

ActionFunction = Callable[[World, random.Random], None]


def new_content(chance: random.Random) -> bytes:
    """Bytes that no other version has; a mixture of two versions is no third version."""
    mark = bytes(chance.choice(b"abcdefghijklmnopqrstuvwxyz") for _ in range(4))
    return mark * chance.choice([1, 2, 2, 2, 3])


def _mapping(world: World, chance: random.Random) -> MappingConfig:
    return chance.choice(world.mappings)


def _place(world: World, chance: random.Random, *, there: bool | None = None) -> str:
    """A place for a file; that of an existing file if so asked and if there is one."""
    if world.oracle.jobs and chance.random() < 0.5:
        file = world.oracle.jobs[
            -1
        ].job.file  # the file that is being sent is the most interesting one
        if DATABASE not in file.path:
            return f"{world.oracle.mapping(file.mapping).directory}/{file.path}"
    mapping = _mapping(world, chance)
    # Only their writers touch databases: else nothing that is sent of them could be judged.
    visible = sorted(path for path in world.oracle.visible[mapping.name] if DATABASE not in path)
    if there and visible:
        return f"{mapping.directory}/{chance.choice(visible)}"
    return f"{mapping.directory}/{any_path(mapping.name, chance)}"


def _outside(chance: random.Random) -> str:
    return f"{OUTSIDE}/{chance.choice(FILES)}"


def _folder_of(place: str) -> str:
    return place.rpartition("/")[0]


def make_way(world: World, place: str) -> None:
    """Make the folders above a place, but not the root: a missing root stays missing."""
    for mapping in world.mappings:
        root = str(mapping.directory)
        if place.startswith(f"{root}/") and not world.disk.exists(root):
            raise FileNotFoundError(root)
    world.disk.mkdir(_folder_of(place))


def write(world: World, chance: random.Random) -> None:
    """A program writes a file."""
    place = _place(world, chance, there=chance.random() < 0.5)
    make_way(world, place)
    world.disk.write(place, new_content(chance))
    world.note(f"  {place} is written")
    world.touched(place, chance=chance)


def append(world: World, chance: random.Random) -> None:
    """A program writes a piece at the end of a file."""
    place = _place(world, chance, there=True)
    make_way(world, place)
    world.disk.append(place, new_content(chance)[:4])
    world.note(f"  {place} grows")
    world.touched(place, chance=chance)


def overwrite(world: World, chance: random.Random) -> None:
    """A program changes bytes in the middle of a file, which keeps its size."""
    place = _place(world, chance, there=True)
    size = len(world.disk.content(place))
    piece = new_content(chance)[:4]
    at = chance.randrange(max(1, size - 3))
    before_ns = world.disk.mtime_ns(place)
    world.disk.overwrite(place, at, piece)
    world.note(f"  bytes of {place} are overwritten")
    if chance.random() < 0.2:
        world.disk.set_mtime(place, before_ns)
        world.note("    and its time is put back")
    world.touched(place, chance=chance)


def rewrite(world: World, chance: random.Random) -> None:
    """A program rewrites a file many times, always with the same size."""
    place = _place(world, chance, there=chance.random() < 0.5)
    make_way(world, place)
    content = new_content(chance)
    world.disk.write(place, content)
    world.note(f"  {place} is written, and will be again")
    world.touched(place, chance=chance)

    def again() -> None:
        world.disk.write(place, new_content(chance)[:4] + content[4:])
        world.note(f"  {place} is written again")
        world.touched(place, chance=chance)

    after = 0.0
    for _ in range(chance.randint(1, 3)):
        after += chance.choice([0.1, 0.3, 0.5, 0.8, 1.3, 1.9])
        world.later(after, again)


def store_mapped(world: World, chance: random.Random) -> None:
    """A program stores into a file that it has mapped: only the first store sets the times."""
    place = _place(world, chance, there=True)
    file, size = world.disk.file(place), len(world.disk.content(place))
    at = chance.randrange(max(1, size - 3))
    world.disk.overwrite(place, at, new_content(chance)[:4])
    world.note(f"  {place} is stored to through a mapped page")
    world.touched(place, chance=chance)

    def again() -> None:
        world.disk.store_unseen(file, at, new_content(chance)[:4])
        world.note(f"  what was {place} is stored to again, and no time of it changes")
        if chance.random() < 0.3:
            world.touched(place, chance=chance)

    for _ in range(chance.randint(1, 3)):
        world.later(chance.choice([0.1, 1.0, 3.0, 5.2, 8.0, 20.0, WRITE_BACK_S - 1]), again)


def truncate(world: World, chance: random.Random) -> None:
    """A file is cut, often to nothing."""
    place = _place(world, chance, there=True)
    size = 0 if chance.random() < 0.7 else len(world.disk.content(place)) // 2
    world.disk.truncate(place, size)
    world.note(f"  {place} is cut to {size} bytes")
    world.touched(place, chance=chance)


def restore(world: World, chance: random.Random) -> None:
    """A file gets a content that it had before."""
    place = _place(world, chance, there=True)
    for mapping in world.mappings:
        top = f"{mapping.directory}/"
        if place.startswith(top):
            had = world.oracle.own_contents(mapping, place[len(top) :])
            if had:
                make_way(world, place)
                world.disk.write(place, chance.choice(had))
                world.note(f"  {place} gets an old content again")
                world.touched(place, chance=chance)


def remove(world: World, chance: random.Random) -> None:
    """A file is deleted."""
    place = _place(world, chance, there=True)
    world.disk.remove(place)
    world.note(f"  {place} is deleted")
    world.touched(place, chance=chance)


def remove_folder(world: World, chance: random.Random) -> None:
    """A folder is deleted with all that is in it."""
    mapping = _mapping(world, chance)
    place = f"{mapping.directory}/{any_folder(mapping.name, chance)}"
    if place in world.mounts:
        return
    world.disk.remove(place)
    world.note(f"  {place} is deleted as a whole")
    world.touched(place, chance=chance)


def empty_root(world: World, chance: random.Random) -> None:
    """All that is in a root is deleted at once."""
    _empty(world, _mapping(world, chance), chance)


def empty_removing_root(world: World, chance: random.Random) -> None:
    """The same, in a root whose deleted files are removed from the server, however many."""
    for mapping in world.mappings:
        if mapping.on_local_delete == "remove" and mapping.remove_share == 1.0:
            _empty(world, mapping, chance)


def _empty(world: World, mapping: MappingConfig, chance: random.Random) -> None:
    root = str(mapping.directory)
    if any(place.startswith(f"{root}/") for place in world.mounts):
        return
    places = [f"{root}/{name}" for name in world.disk.names(root)]
    for place in places:
        world.disk.remove(place)
    world.note(f"  all of {root} is deleted")
    world.touched(*places, chance=chance)


def rename(world: World, chance: random.Random) -> None:
    """A file is renamed; a file of the new name is replaced."""
    place, other = _place(world, chance, there=True), _place(world, chance)
    make_way(world, other)
    world.disk.rename(place, other)
    world.note(f"  {place} becomes {other}")
    world.touched(place, other, chance=chance)


def replace(world: World, chance: random.Random) -> None:
    """A program writes beside a file and puts the new one in its place."""
    place = _place(world, chance, there=chance.random() < 0.6)
    make_way(world, place)
    scratch = f"{_folder_of(place)}/{SCRATCH}"
    world.disk.write(scratch, new_content(chance))
    world.disk.rename(scratch, place)
    world.note(f"  {place} is replaced")
    world.touched(scratch, place, chance=chance)


def move_in(world: World, chance: random.Random) -> None:
    """A file that was written long ago is moved in, or linked."""
    place, source = _place(world, chance, there=chance.random() < 0.3), _outside(chance)
    make_way(world, place)
    if not world.disk.exists(source):
        world.disk.write(source, new_content(chance))
        world.disk.set_mtime(source, world.clock.now_ns() - chance.randrange(10**12))
    if chance.random() < 0.3 and not world.disk.exists(place):
        world.disk.link(source, place)
        world.note(f"  {source} is linked to {place}")
    else:
        world.disk.rename(source, place)
        world.note(f"  {source} is moved to {place}")
    world.touched(place, chance=chance)


def move_out(world: World, chance: random.Random) -> None:
    """A file is moved away."""
    place, target = _place(world, chance, there=True), _outside(chance)
    world.disk.rename(place, target)
    world.note(f"  {place} is moved away")
    world.touched(place, chance=chance)


def write_outside(world: World, chance: random.Random) -> None:
    """A file is written by another of its names: no event tells of it."""
    place = _outside(chance)
    world.disk.write(place, new_content(chance))
    world.note(f"  {place} is written")


def move_folder(world: World, chance: random.Random) -> None:
    """A folder is moved out or in with all that is in it."""
    mapping = _mapping(world, chance)
    folder = any_folder(mapping.name, chance)
    place, outside = f"{mapping.directory}/{folder}", f"{OUTSIDE}/folder of {mapping.name}"
    if place in world.mounts:
        return
    if world.disk.exists(outside):
        make_way(world, place)
        world.disk.rename(outside, place)
        world.note(f"  a folder is moved to {place}")
    else:
        world.disk.rename(place, outside)
        world.note(f"  the folder {place} is moved away")
    world.touched(place, chance=chance)


def link(world: World, chance: random.Random) -> None:
    """A file gets one more name in the same mapping."""
    place, other = _place(world, chance, there=True), _place(world, chance)
    make_way(world, other)
    world.disk.link(place, other)
    world.note(f"  {place} is also {other}")
    world.touched(other, chance=chance)


def put_time_back(world: World, chance: random.Random) -> None:
    """A file gets another time."""
    place = _place(world, chance, there=True)
    world.disk.set_mtime(place, world.clock.now_ns() + chance.choice([-(10**12), 10**12, 0]))
    world.note(f"  the time of {place} is set")
    world.touched(place, chance=chance)


def odd_entry(world: World, chance: random.Random) -> None:
    """A link or a FIFO appears, in a file's place if there is one."""
    place = _place(world, chance, there=chance.random() < 0.5)
    make_way(world, place)
    if world.disk.exists(place):
        world.disk.remove(place)
    if chance.random() < 0.3:
        world.disk.mkfifo(place)
        world.note(f"  {place} becomes a FIFO")
    else:
        target = chance.choice([_outside(chance), OUTSIDE, "a", "nowhere"])
        world.disk.symlink(place, target)
        world.note(f"  {place} becomes a link to {target}")
    world.touched(place, chance=chance)


def remove_odd(world: World, chance: random.Random) -> None:
    """A file, link or FIFO is deleted."""
    place = _place(world, chance)
    if place in world.mounts:
        return
    world.disk.remove(place)
    world.note(f"  {place} is deleted")
    world.touched(place, chance=chance)


def file_becomes_folder(world: World, chance: random.Random) -> None:
    """A file is replaced by a folder of its name, or a folder by a file."""
    mapping = _mapping(world, chance)
    place = f"{mapping.directory}/{any_folder(mapping.name, chance)}"
    if place in world.mounts:
        return
    if world.disk.exists(place):
        world.disk.remove(place)
    make_way(world, place)
    world.disk.write(place, new_content(chance))
    world.note(f"  a file takes the place of the folder {place}")
    world.touched(place, chance=chance)


def make_way_again(world: World, chance: random.Random) -> None:
    """A file that stands where a folder belongs is deleted."""
    mapping = _mapping(world, chance)
    for folder in FOLDERS[mapping.name]:
        place = f"{mapping.directory}/{folder}"
        if folder in world.oracle.visible[mapping.name]:
            world.disk.remove(place)
            world.note(f"  {place} gives way to a folder")
            world.touched(place, chance=chance)


def bar(world: World, chance: random.Random) -> None:
    """A file or folder loses its permissions, or gets them back."""
    mapping = _mapping(world, chance)
    path = any_path(mapping.name, chance) if chance.random() < 0.5 else ""
    path = path or chance.choice(FOLDERS[mapping.name])
    place = f"{mapping.directory}/{path}".rstrip("/")
    barred = chance.random() < 0.6
    world.disk.bar(place, barred=barred)
    world.note(f"  {place} is {'barred' if barred else 'open again'}")


def fail_reading(world: World, chance: random.Random) -> None:
    """The disk fails to deliver a file, or does again."""
    if world.failing and chance.random() < 0.5:
        world.failing.clear()
        world.note("  the disk works again")
    else:
        place = _place(world, chance, there=True)
        world.failing.add(place)
        world.note(f"  the disk fails at {place}")


def hang(world: World, chance: random.Random) -> None:
    """A mapping's disk does not answer when it is read, or does again."""
    if world.hangs.below:
        world.hangs.below = ""
        world.note("  the disk answers again")
    else:
        world.hangs.below = f"{_mapping(world, chance).directory}/"
        world.note(f"  what is below {world.hangs.below} cannot be read, and does not fail either")


def unmount(world: World, chance: random.Random) -> None:
    """A disk goes away, or comes back."""
    if world.away and chance.random() < 0.6:
        mount_again(world, chance)
        return
    there = sorted(
        p for p in world.mounts if p not in world.away and _folder_of(p) not in world.away
    )
    if there:
        place = chance.choice(there)
        world.away[place] = world.disk.unmount(place)
        world.note(f"  {place} is unmounted")


def mount_again(world: World, chance: random.Random) -> None:
    """All disks come back."""
    for place in sorted(world.away):
        if world.disk.is_mounted(place):
            world.disk.unmount(place)
        world.disk.mount(world.away[place], place, renumbered=chance.random() < 0.3)
        del world.away[place]
        world.note(f"  {place} is mounted again")


def other_disk(world: World, chance: random.Random) -> None:
    """Another disk is mounted in the place of a missing one, with the same device number."""
    away = [p for p in sorted(world.away) if _folder_of(p) not in world.away]
    places = [p for p in away if not world.disk.is_mounted(p)]
    if not places:
        return
    place = chance.choice(places)
    right, other = world.away[place], world.disk.new_volume()
    if not right.file_system:
        return  # the two could not be told apart
    other.device, other.file_system = right.device, right.file_system + 1
    world.disk.mount(other, place)
    world.note(f"  another disk is mounted at {place}")
    for mapping in world.mappings:
        root = str(mapping.directory)
        for path in sorted(world.oracle.names[mapping.name]):
            target = f"{root}/{path}"
            if target.startswith(f"{place}/") and chance.random() < 0.3:
                world.disk.mkdir(_folder_of(target))
                if not world.disk.exists(target):
                    content = new_content(chance)
                    world.oracle.other_root_has(mapping, path, content)
                    world.disk.write(target, content)


def _put_in_place_of_root(world: World, root: str, chance: random.Random) -> str:
    """What comes where a root was."""
    kinds = ["missing", "empty", "copied", "partly copied", "other", "other", "a link"]
    kind = chance.choice(kinds)
    if kind == "a link":
        world.disk.mkdir("/data/elsewhere")
        world.disk.write("/data/elsewhere/token", b"of no root")
        world.disk.symlink(root, "/data/elsewhere", foreign=True)
    elif kind != "missing":
        world.disk.mkdir(root)
    return kind


def swap_root(world: World, chance: random.Random) -> None:
    """A root is replaced by an empty directory or by a copy of itself, or comes back."""
    mapping = _mapping(world, chance)
    root, old = str(mapping.directory), f"/data/old {mapping.name}"
    if root in world.mounts:
        return
    if world.disk.exists(old):
        if world.disk.exists(root):
            world.disk.rename(root, f"/data/{world.clock.monotonic():.3f}")
        world.disk.rename(old, root)
        world.note(f"  {root} is what it was before")
        return
    if any(place.startswith(f"{root}/") for place in world.mounts):
        return
    files = world.disk.files(root)
    known = world.journal.mappings.find(mapping.name)
    seen_before = known is not None and known.root is not None
    world.disk.rename(root, old)
    kind = _put_in_place_of_root(world, root, chance)
    for path in sorted(files):
        if kind in {"copied", "other"} or (kind == "partly copied" and chance.random() < 0.5):
            world.disk.mkdir(_folder_of(f"{root}/{path}"))
            content = files[path]
            if kind == "other" and chance.random() < 0.7 and path != IGNORE_FILE:
                content = new_content(chance)
                if seen_before:  # if not, it is the first root that aqsync sees
                    world.oracle.other_root_has(mapping, path, content)
            world.disk.write(f"{root}/{path}", content)
    world.note(f"  {root} is replaced: {kind}")


def change_rules(world: World, chance: random.Random) -> None:
    """Somebody writes or deletes the root's ignore file."""
    mapping = _mapping(world, chance)
    place = f"{mapping.directory}/{IGNORE_FILE}"
    world.past.rules_changed.add(mapping.name)
    text = chance.choice([b"", b"e\n", b"sub/\n", b"*.dat\n!sub/*.dat\n", b"[z-a]\n"])
    if text:
        world.disk.write(place, text)
    elif world.disk.exists(place):
        world.disk.remove(place)
    world.note(f"  {place} holds {text!r}")
    world.touched(place, chance=chance)


ACTIONS: dict[ActionFunction, int] = {
    write: 14,
    append: 6,
    overwrite: 5,
    rewrite: 6,
    truncate: 3,
    restore: 3,
    remove: 6,
    remove_folder: 2,
    empty_root: 1,
    rename: 5,
    replace: 4,
    move_in: 5,
    move_out: 2,
    write_outside: 2,
    move_folder: 3,
    link: 2,
    put_time_back: 2,
    odd_entry: 2,
    remove_odd: 1,
    file_becomes_folder: 1,
    make_way_again: 1,
    bar: 2,
    fail_reading: 2,
    change_rules: 1,
    store_mapped: 5,
    hang: 2,
}
"""How often each happens; those that change whole directories are apart."""
ROOT_ACTIONS: dict[ActionFunction, int] = {unmount: 4, other_disk: 2, swap_root: 3, mount_again: 1}
