"""How everything stands, in one word."""

from __future__ import annotations

import threading
from dataclasses import replace

from aqsync.errors import ServerUnreachable
from aqsync.journal.pauses import EVERYTHING
from aqsync.model import SECOND_NS, State
from aqsync.service.board import SAMPLE_EVERY_S, Board, Sampler
from aqsync.sync.overview import Doubts, Light, Overview, overview
from tests.support.lab import EID, Lab
from tests.support.patience import HANG_S, wait_until
from tests.support.stepping import config_of


def stands(lab: Lab, *, under_way: int = 0) -> Overview:
    return overview(lab.journal, config_of([lab.mapping]), lab.clock.now_ns(), under_way=under_way)


def test_what_was_never_looked_at_is_not_green(lab: Lab) -> None:
    assert stands(lab).light is Light.WAITING
    lab.push()
    assert stands(lab).light is Light.GREEN


def test_the_light_follows_the_files(lab: Lab) -> None:
    lab.write("a.csv", b"1")
    lab.push()
    assert stands(lab, under_way=1).light is Light.BUSY
    lab.write("young.csv", b"22", age_s=0)
    lab.scan()
    found = stands(lab)
    assert (found.light, found.to_come_files, found.to_come_bytes) == (Light.WAITING, 1, 2)
    lab.clock.advance(60)
    assert stands(lab).light is Light.BUSY
    lab.journal.pauses.pause(EVERYTHING, lab.clock.now_ns(), None)
    assert stands(lab).light is Light.WAITING


def test_a_conflict_needs_a_person_and_comes_first(lab: Lab) -> None:
    lab.server.put(EID, "held.csv", b"theirs")
    lab.write("held.csv", b"ours")
    lab.push()
    lab.write("young.csv", b"22", age_s=0)
    lab.scan()
    found = stands(lab)
    assert found.light is Light.NEEDS_YOU
    assert found.files_for_person == 1
    [mapping] = found.mappings
    assert [group.first.state for group in mapping.groups] == [State.HELD, State.WAITING]
    assert [group.first.state for group in mapping.needs_you] == [State.HELD]


def test_a_server_that_is_away_needs_nobody_and_a_refused_token_does(lab: Lab) -> None:
    lab.write("a.csv", b"1")
    lab.scan()
    lab.server.troubles["list_files"].append(ServerUnreachable("away"))
    lab.engine.refresh([EID])
    found = stands(lab)
    assert found.light is Light.WAITING
    assert found.server is not None
    denied = replace(found.server, denied=True)
    lab.journal.remote.set_server_problem(denied)
    assert stands(lab).light is Light.NEEDS_YOU


def test_what_nobody_looks_at_is_not_green(lab: Lab) -> None:
    """A pause leaves the disk alone, and of a server that is away nobody knows what it has."""
    lab.write("a.csv", b"1")
    lab.push()
    assert stands(lab).light is Light.GREEN
    for paused in ("lab", EVERYTHING):
        lab.journal.pauses.pause(paused, lab.clock.now_ns(), None)
        assert stands(lab).light is Light.WAITING
        lab.journal.pauses.resume(paused)
    lab.server.troubles["list_files"].append(ServerUnreachable("away"))
    lab.engine.refresh([EID])
    assert stands(lab).light is Light.WAITING


def test_what_the_daemon_does_not_know_is_not_green(lab: Lab) -> None:
    """The journal alone tells nothing of what came since, and is not written for that either."""
    lab.write("a.csv", b"1")
    lab.push()
    config, doubts = config_of([lab.mapping]), Doubts(unseen=("lab",))
    board = Board(lab.journal, lab.clock, lambda: config, lambda: 0, doubts=lambda: doubts)
    found = board.look()
    assert (found.light, found.mappings[0].light) == (Light.WAITING, Light.WAITING)
    assert found.mappings[0].unseen
    doubts = Doubts()
    assert board.look(30).light is Light.GREEN
    doubts = Doubts(stuck="dispatcher")
    found = board.look(30)
    assert (found.light, found.stuck) == (Light.NEEDS_YOU, "dispatcher")
    doubts = Doubts(refused="c.yaml: line 3: no such key")
    found = board.look(30)
    assert (found.light, found.refused) == (Light.NEEDS_YOU, "c.yaml: line 3: no such key")


def test_a_page_never_waits_for_a_long_look(lab: Lab) -> None:
    lab.write("a.csv", b"1")
    lab.push()
    config, going_on = config_of([lab.mapping]), threading.Event()
    board = Board(lab.journal, lab.clock, lambda: config, lambda: 0, at_once_s=0.0)
    first = board.look()
    assert first.light is Light.GREEN
    lab.write("b.csv", b"22", age_s=0)
    lab.scan()
    board.outdate()
    blocked = threading.Event()

    def slow() -> int:
        going_on.set()
        assert blocked.wait(HANG_S)
        lab.clock.advance(10)  # so long it takes
        return 0

    board._under_way = slow
    assert board.soon() is first, "the last one, while the newest is being found out"
    assert going_on.wait(HANG_S)
    assert board.found == 1
    blocked.set()
    wait_until(lambda: board.found == 2, "the newest one")
    found = board.soon()
    assert found is not None
    assert found.to_come_files == 1
    board.outdate()
    assert board.at_once() is found, "after a long look none is begun for a page"
    assert board.found == 2


def test_a_board_looks_again_only_after_a_change(lab: Lab) -> None:
    lab.write("a.csv", b"1")
    lab.push()
    config = config_of([lab.mapping])
    board = Board(lab.journal, lab.clock, lambda: config, lambda: 0)
    first = board.look()
    lab.clock.advance(3600)
    again = board.look()
    assert again.mappings is first.mappings, "nothing was found out anew"
    assert again.at_ns == lab.clock.now_ns()
    lab.write("b.csv", b"22", age_s=0)
    lab.scan()
    assert board.look().to_come_files == 1
    lab.clock.advance(60)
    assert board.look().light is Light.BUSY, "time alone can change what is still to come"


def test_a_board_sees_that_a_pause_is_over(lab: Lab) -> None:
    config = config_of([lab.mapping])
    lab.write("a.csv", b"1")
    lab.push()
    board = Board(lab.journal, lab.clock, lambda: config, lambda: 0)
    now_ns = lab.clock.now_ns()
    lab.journal.pauses.pause(EVERYTHING, now_ns, now_ns + 60 * SECOND_NS)
    assert board.look().light is Light.WAITING
    lab.clock.advance(61)
    assert board.look().light is Light.GREEN, "nothing was written since, but time has passed"


def test_a_board_gives_what_is_young_enough(lab: Lab) -> None:
    config = config_of([lab.mapping])
    board = Board(lab.journal, lab.clock, lambda: config, lambda: 0)
    first = board.look()
    lab.write("a.csv", b"1")
    lab.scan()
    assert board.look(30) is first
    lab.clock.advance(2)
    assert board.look().to_come_files == 1
    config = config_of([lab.mapping])
    assert board.look(30).mappings[0].mapping is config.mappings[0]


def test_samples_tell_how_much_was_to_come(lab: Lab) -> None:
    config = config_of([lab.mapping])
    sampler = Sampler(
        Board(lab.journal, lab.clock, lambda: config, lambda: 0), lab.journal, lab.clock
    )
    begun_ns = lab.clock.now_ns()
    assert sampler.step() == SAMPLE_EVERY_S
    assert lab.journal.backlog.since(begun_ns) == []
    lab.write("a.csv", b"22")
    for action in (lab.scan, lab.push, lab.scan):
        lab.clock.advance(SAMPLE_EVERY_S)
        action()
        sampler.step()
    found = lab.journal.backlog.since(begun_ns)
    assert [(sample.files, sample.bytes) for sample in found] == [(1, 2), (0, 0)]
    lab.journal.backlog.prune(lab.clock.now_ns())
    assert [sample.files for sample in lab.journal.backlog.since(lab.clock.now_ns())] == [0]
