"""What programs that measure do: they take runs, and keep files open for long."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from functools import partial
from typing import Protocol

from aqsync.config import MappingConfig
from aqsync.local.formats import hdf5, png
from aqsync.local.sqlite_files import LOG, PARTS
from tests.simulation import places
from tests.simulation.disk_actions import ActionFunction, make_way, new_content
from tests.simulation.extras import SMALL
from tests.simulation.fake_disk import File
from tests.simulation.places import (
    BY_CLOSING,
    DATABASE,
    FOLDERS,
    LAST,
    MEASURED,
    OTHER_DATABASES,
    SENTINEL,
    any_path,
    files_of,
)
from tests.simulation.tapes import KINDS, WrittenDatabase
from tests.simulation.world import World

_IMAGE_ENDS = b"\0\0\0\0IEND\xae\x42\x60\x82"
_UNDEFINED = (1 << 64) - 1


class _Make(Protocol):
    """Makes the content of a file that is kept open, or was closed."""

    def __call__(self, data: bytes, *, is_open: bool) -> bytes:
        """The content with this data in it."""


def _measured(world: World) -> MappingConfig | None:
    return next((m for m in world.mappings if m.name in MEASURED), None)


def _later(
    world: World, seconds: float, place: str, chance: random.Random, write: Callable[[], None]
) -> None:
    """Something is done to a file after some time; events tell of it."""

    def happen() -> None:
        write()
        world.touched(place, chance=chance)

    world.later(seconds, happen)


def take_run(world: World, chance: random.Random) -> None:
    """A program measures: it writes the files of a run, and says in the end that this was all."""
    mapping = _measured(world)
    if mapping is None:
        return
    folder = chance.choice([f for f in FOLDERS[mapping.name] if f.startswith("run_")])
    top = f"{mapping.directory}/{folder.partition('/')[0]}"
    names = [*chance.sample(files_of(mapping.name), 3), LAST]
    places = [f"{mapping.directory}/{folder}/{name}" for name in chance.sample(names, 3)]
    after = 0.0
    for place in places:
        _later(world, after, place, chance, _written(world, place, chance))
        after += chance.choice([0.0, 0.2, 1.0, 3.0, 8.0, 25.0])
    sentinel = f"{top}/{SENTINEL}"
    kind = chance.choice(["ends", "ends", "ends", "goes on", "dies", "takes it back"])
    if kind == "dies":
        return
    _later(world, after, sentinel, chance, _written(world, sentinel, chance))
    if kind == "goes on":
        after += chance.choice([0.1, 1.9, 2.5, 6.0])
        _later(world, after, places[0], chance, _written(world, places[0], chance))
    if kind == "takes it back":
        after += chance.choice([0.5, 2.5, 10.0])
        _later(world, after, sentinel, chance, _removed(world, sentinel))


def end_run(world: World, chance: random.Random) -> None:
    """Somebody writes the sentinel of a run, or deletes it."""
    mapping = _measured(world)
    if mapping is None:
        return
    folder = chance.choice([f for f in FOLDERS[mapping.name] if f.startswith("run_")])
    place = f"{mapping.directory}/{folder.partition('/')[0]}/{SENTINEL}"
    if world.disk.exists(place):
        _removed(world, place)()
    else:
        _written(world, place, chance)()
    world.touched(place, chance=chance)


def _written(world: World, place: str, chance: random.Random) -> Callable[[], None]:
    def write() -> None:
        make_way(world, place)
        world.disk.write(place, new_content(chance))
        world.note(f"  {place} is written by a measurement")

    return write


def _removed(world: World, place: str) -> Callable[[], None]:
    def remove() -> None:
        world.disk.remove(place)
        world.note(f"  {place} is taken back")

    return remove


def keep_open(world: World, chance: random.Random) -> None:
    """A program keeps a file open for some time, in a format that says so; or it dies."""
    mapping = chance.choice(world.mappings)
    folder = chance.choice(FOLDERS[mapping.name])
    make = chance.choice([_image, _hdf5, _hdf5, _locked_hdf5])
    name = "u.png" if make is _image else "u.h5"
    place = f"{mapping.directory}/{folder}/{name}".replace("//", "/")
    data, after = b"", 0.0
    dies = chance.random() < 0.25
    for number in range(pieces := chance.randint(2, 4)):
        data += new_content(chance)
        is_open = dies or number < pieces - 1
        content = make(data, is_open=is_open)
        _later(world, after, place, chance, _kept(world, place, content, make, is_open=is_open))
        after += chance.choice([0.3, 2.0, 7.0, 7.0, 20.0])
    if make is _locked_hdf5 and chance.random() < 0.5:
        world.later(after, lambda: _unlock(world, place))


def _kept(
    world: World, place: str, content: bytes, make: _Make, *, is_open: bool
) -> Callable[[], None]:
    def write() -> None:
        make_way(world, place)
        if is_open and make is not _locked_hdf5:
            world.oracle.unfinished.add(content)
        world.disk.write(place, content)
        world.disk.file(place).locked = make is _locked_hdf5 and is_open
        world.note(f"  {place} is {'written, and kept open' if is_open else 'closed'}")

    return write


def _unlock(world: World, place: str) -> None:
    world.disk.file(place).locked = False
    world.note(f"  the lock of {place} is gone, and nothing else changes")


def _image(data: bytes, *, is_open: bool) -> bytes:
    chunk = struct.pack(">I4s", len(data), b"IDAT") + data + b"\0" * 4
    return png.MAGIC + chunk + (b"" if is_open else _IMAGE_ENDS)


def _hdf5(data: bytes, *, is_open: bool) -> bytes:
    """A superblock of version 2; while a file is open, its flag says so, or its end is ahead."""
    flagged = len(data) % 8 == 0
    head = hdf5.MAGIC + struct.pack("<4B", 2, 8, 8, int(is_open and flagged))
    end = len(head) + 36 + len(data) + (is_open and not flagged)
    return head + struct.pack("<4QI", 0, _UNDEFINED, end, 48, 0) + data


def _locked_hdf5(data: bytes, *, is_open: bool) -> bytes:
    """The writer has flushed, and only its lock says that it goes on."""
    del is_open
    return _hdf5(data, is_open=False)


def write_database(world: World, chance: random.Random) -> None:
    """A program writes to a database, also while that is read."""
    known = sorted(world.oracle.databases)
    if known and chance.random() < 0.6:
        database = world.oracle.databases[chance.choice(known)]
    else:
        mapping = chance.choice(world.mappings)
        if world.extras.mapping:
            mapping = world.mappings[-1]
        folder = chance.choice(FOLDERS[mapping.name])
        path = f"{folder}/{DATABASE}".lstrip("/")
        place = f"{mapping.directory}/{path}"
        make_way(world, place)
        if world.disk.exists(place):
            return
        for part in PARTS:
            if world.disk.exists(f"{place}{part}"):
                return
        database = WrittenDatabase(world.disk, place, chance.choice(KINDS))
        world.oracle.databases[mapping.name, path] = database
        world.note(f"  the database {place} is begun")
        world.touched(place, f"{place}{LOG}", chance=chance)
    database.eager = chance.choice([0, 2, 5])
    after = 0.0
    for _ in range(chance.randint(1, 10)):
        after += chance.choice([0.0, 0.0, 0.02, 0.3, 1.0, 3.0, 6.0])
        world.later(after, lambda: world.go_on_with(database, chance))


def grow(world: World, chance: random.Random) -> None:
    """A program appends to a log for long; some rewrite what is in it already."""
    mapping = chance.choice(world.mappings)
    place = f"{mapping.directory}/{chance.choice(FOLDERS[mapping.name])}/{places.LOG}"
    place = place.replace("//", "/")
    pause, after = chance.choice([0.5, 1.0, 1.7]), 0.0
    if chance.random() < 0.4:
        world.oracle.rewritten[place] = lambda: _rewrite(world, place, chance)
    for _ in range(chance.randint(15, 40)):
        line = new_content(chance) + b"\n"
        cut = chance.choice([len(line), len(line), 3])
        for piece in filter(None, (line[:cut], line[cut:])):
            _later(world, after, place, chance, partial(_append, world, place, piece))
            after += pause
        if chance.random() < 0.02:
            world.later(after, partial(_rewrite, world, place, chance))


def _append(world: World, place: str, piece: bytes) -> None:
    make_way(world, place)
    world.disk.append(place, piece)


def _rewrite(world: World, place: str, chance: random.Random) -> None:
    half = len(world.disk.content(place)) // 2
    for at in (chance.randrange(half or 1), half + chance.randrange(max(1, half - 4))):
        world.disk.overwrite(place, at, new_content(chance)[:4])
    world.note(f"  bytes of {place} are overwritten by its writer")
    world.touched(place, chance=chance)


def hold_open(world: World, chance: random.Random) -> None:
    """A program keeps files of a run open, or only locked, and writes to them now and then."""
    mapping = _measured(world)
    if mapping is None:
        return
    folder = chance.choice([f for f in FOLDERS[mapping.name] if f.startswith("run_")])
    for name in chance.sample(files_of(mapping.name), 2):
        place, after = f"{mapping.directory}/{folder}/{name}", chance.choice([0.0, 1.0, 5.0])
        opened: list[File] = []
        by_lock = chance.random() < 0.3
        _later(world, after, place, chance, partial(_open, world, place, opened, by_lock=by_lock))
        for _ in range(chance.randint(0, 3)):
            after += chance.choice([0.5, 2.5, 4.0, 13.0])
            _later(world, after, place, chance, partial(_append, world, place, b"more"))
        after += chance.choice([0.0, 2.5, 13.0, 24.0])
        close = partial(_close, world, place, opened)
        if chance.random() < 0.5:
            _later(world, after, place, chance, close)
        else:
            world.later(after, close)  # and no event tells of it


def _open(world: World, place: str, opened: list[File], *, by_lock: bool) -> None:
    make_way(world, place)
    if not world.disk.exists(place):
        world.disk.write(place, b"begun")
    file = world.disk.file(place)
    if by_lock:
        file.locked = True
    else:
        file.writers += 1
    opened.append(file)
    world.note(f"  {place} is {'locked' if by_lock else 'opened for writing'}")


def _close(world: World, place: str, opened: list[File]) -> None:
    for file in opened:
        file.writers, file.locked = max(0, file.writers - 1), False
        world.note(f"  what was {place} is closed")


def hide_open_files(world: World, _chance: random.Random) -> None:
    """The system tells no more which files are open, or does again."""
    world.disk.tells_open = not world.disk.tells_open
    world.note(f"  open files are {'told' if world.disk.tells_open else 'hidden'}")


def settle_again(world: World, chance: random.Random) -> None:
    """A program changes a file again and again, each time that it has stood still for a while."""
    mapping = chance.choice(world.mappings)
    place = f"{mapping.directory}/{any_path(mapping.name, chance)}"
    after, longer = 0.0, new_content(chance)
    for _ in range(chance.randint(3, 6)):
        longer += new_content(chance)
        content = longer if chance.random() < 0.6 else new_content(chance) * 3
        _later(world, after, place, chance, _changed(world, place, content))
        after += chance.choice([2.5, 5.5, 5.5, 7.0, 9.0, 14.0])


def _changed(world: World, place: str, content: bytes) -> Callable[[], None]:
    def write() -> None:
        make_way(world, place)
        world.disk.write(place, content)
        world.note(f"  {place} has {len(content)} bytes now")

    return write


def crowd(world: World, chance: random.Random) -> None:
    """Others fill the disk of the journal, but for the journal itself, or make room there."""
    rooms = [0, 2_000, 6_000, 20_000]
    free = world.room.SPARE + chance.choice(rooms) if chance.random() < 0.7 else world.room.PLENTY
    world.room.become(free, meanwhile=bool(world.busy or world.hangs.jobs))
    world.note(f"  the journal's disk has {free} bytes free")


INSTRUMENT_ACTIONS: dict[ActionFunction, int] = {
    take_run: 4,
    end_run: 1,
    keep_open: 2,
    write_database: 4,
    grow: 5,
}


def actions_in(world: World) -> dict[ActionFunction, int]:
    """How often each happens in this world."""
    extras, found = world.extras, dict(INSTRUMENT_ACTIONS)
    if extras.mapping in BY_CLOSING:
        found |= {hold_open: 14, hide_open_files: 1}
    if extras.mapping in OTHER_DATABASES or extras.crowded:
        found[write_database] = 16
    if extras.crowded:
        found[crowd] = 10
    if extras.large == SMALL:
        found[settle_again] = 8
    return found
