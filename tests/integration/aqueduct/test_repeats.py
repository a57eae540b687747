"""What is tried again, and what is not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from aqsync import API
from aqsync.errors import OperationFailed, ServerBusy, ServerUnreachable
from tests.support.scripted_server import EID, EXPERIMENT, Answer, ScriptedServer

DUPLICATE = OperationFailed('duplicate key value violates unique constraint "tag_pkey"')
FOUND: Answer = {"e0": EXPERIMENT}
Call = Callable[[API], object]


def create(api: API) -> object:
    return api.create_experiment("Cooldown", "")


def retitle(api: API) -> None:
    api.get_experiment_by_eid(EID).title = "Warm-up"


def tag(api: API) -> None:
    api.get_experiment_by_eid(EID).add_tags(["a"])


def untag(api: API) -> None:
    api.get_experiment_by_eid(EID).remove_tag("a")


def remove(api: API) -> None:
    api.remove_experiment_by_eid(EID)


def find(api: API) -> object:
    return api.find_experiments()


CASES: dict[Call, tuple[str, Answer]] = {
    create: ("createExperiment", {"createExperiment": EXPERIMENT}),
    retitle: ("updateExperiment", {"updateExperiment": EXPERIMENT}),
    tag: ("addTagsToExperiment", {"addTagsToExperiment": {}}),
    untag: ("removeTagFromExperiment", {"removeTagFromExperiment": {}}),
    remove: ("removeExperiment", {"removeExperiment": None}),
    find: ("experiments(", {"experiments": {"experimentsData": [], "totalExperimentsCount": 0}}),
}


def scripted(call: Call, *first: Answer) -> tuple[str, ScriptedServer]:
    word, good = CASES[call]
    answers: list[Answer] = [*first, good]
    return word, ScriptedServer(**{word: answers, "experiment(": FOUND})


@pytest.mark.parametrize("call", CASES)
def test_what_a_database_refused_as_a_duplicate_is_tried_again(call: Call) -> None:
    word, script = scripted(call, DUPLICATE, DUPLICATE)
    with script as server, API(server.url, 5) as api:
        call(api)
        assert server.count(word) == 3
        first, *others = server.variables(word)
        assert others == [first, first]


@pytest.mark.parametrize("call", CASES)
def test_but_not_for_ever(call: Call) -> None:
    word, script = scripted(call, *[DUPLICATE] * 10)
    with script as server, API(server.url, 5) as api:
        with pytest.raises(ServerBusy):
            call(api)
        assert server.count(word) == 3


@pytest.mark.parametrize("call", [find, retitle, tag])
def test_what_is_harmless_is_repeated_on_a_new_connection(call: Call) -> None:
    word, script = scripted(call, None)
    with script as server, API(server.url, 5) as api:
        call(api)
        assert server.count(word) == 2


@pytest.mark.parametrize("call", [create, untag, remove])
def test_what_would_not_be_the_same_twice_is_not(call: Call) -> None:
    word, script = scripted(call, None)
    with script as server, API(server.url, 5) as api:
        with pytest.raises(ServerUnreachable):
            call(api)
        assert server.count(word) == 1


def test_other_refusals_are_final() -> None:
    word, script = scripted(create, OperationFailed("Title is too long."))
    with script as server, API(server.url, 5) as api:
        with pytest.raises(OperationFailed, match="Title is too long"):
            create(api)
        assert server.count(word) == 1
