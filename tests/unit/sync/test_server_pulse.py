"""That a server is away, or back, is found out within seconds."""

from __future__ import annotations

import pytest

from aqsync.config.notify import NotifyConfig, On
from aqsync.errors import ServerUnreachable, TokenRefused
from aqsync.journal.pauses import EVERYTHING
from aqsync.sync.server_pulse import EVERY_S, ServerPulse
from aqsync.sync.session import Seams, Session
from tests.support.lab import Lab
from tests.support.stepping import FakePool, SteppedLoop, at_once, config_of, shared_by

AWAY = ServerUnreachable("no connection", hint="is it on?")


class Pulse:
    """A pulse, and what it asks for."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.still_s = 60.0
        self.probes = 0
        self._pulse = ServerPulse(lab.engine, lambda: self.still_s, self._probe)

    def _probe(self) -> None:
        self.probes += 1

    def beat(self, *answers: Exception | None) -> None:
        for answer in answers:
            if answer is not None:
                self.lab.server.troubles["find"].append(answer)
            assert self._pulse.step() == EVERY_S
            self.lab.clock.advance(EVERY_S)

    @property
    def asked(self) -> int:
        return len(self.lab.server.called("find"))


@pytest.fixture
def pulse(lab: Lab) -> Pulse:
    return Pulse(lab)


def test_an_outage_is_noted_and_its_end_has_it_probed_once(pulse: Pulse) -> None:
    pulse.beat(None, None)
    assert pulse.lab.journal.remote.server_problem() is None
    pulse.beat(AWAY)
    problem = pulse.lab.journal.remote.server_problem()
    assert problem is not None
    assert problem.since_ns == pulse.lab.clock.now_ns() - int(EVERY_S * 1e9)
    pulse.beat(AWAY, AWAY)
    assert pulse.probes == 0
    pulse.beat(None, None, None)
    assert pulse.probes == 1, "a server that answers this alone keeps its pauses"


def test_nothing_is_asked_while_something_moves_or_all_is_paused(pulse: Pulse) -> None:
    pulse.still_s = 1
    pulse.beat(None, None)
    pulse.still_s = 60
    pulse.lab.journal.pauses.pause(EVERYTHING, pulse.lab.clock.now_ns(), None)
    pulse.beat(None, None)
    assert pulse.asked == 0


def test_a_token_that_is_refused_is_noted_and_not_tried_again(pulse: Pulse) -> None:
    pulse.beat(TokenRefused("no"), None, None)
    problem = pulse.lab.journal.remote.server_problem()
    assert problem is not None
    assert problem.denied
    assert (pulse.asked, pulse.probes) == (1, 0)


@pytest.mark.parametrize(
    ("notify", "wanted"),
    [
        ({"urls": ("https://a",)}, True),
        ({"urls": ("https://a",), "on": (On.STUCK,)}, False),
        ({}, False),
    ],
)
def test_it_beats_only_where_people_want_to_be_told(
    lab: Lab, notify: dict[str, object], *, wanted: bool
) -> None:
    config = config_of([lab.mapping])
    config = config.model_copy(update={"notify": NotifyConfig.model_validate(notify)})
    seams = Seams(pool=FakePool, loop=SteppedLoop, aside=at_once)
    shared = shared_by(lab.journal, lab.clock)
    session = Session(config, lab.server, shared, config.mappings, seams)
    assert ("pulse" in session.loops) is wanted
