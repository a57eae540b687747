from __future__ import annotations

from uuid import uuid4

import pytest

from aqsync.server.rights.decision import RULES, Operation, Thing, may
from aqsync.server.rights.secret import PREFIX, digest_of, new_secret
from aqsync.server.rights.who import ANYBODY, TOKEN_FILE, Scope, Who

HERE, ELSEWHERE = uuid4(), uuid4()
READ, UPLOAD, WRITE, ADMIN = Scope

LEAST = {
    # what: who may do it to what others own, and to what their own owner owns
    Operation.SEE: (READ, READ),
    Operation.CREATE_EXPERIMENT: (UPLOAD, UPLOAD),
    Operation.ADD_TAGS: (UPLOAD, UPLOAD),
    Operation.CHANGE_EXPERIMENT: (WRITE, UPLOAD),
    Operation.REMOVE_TAG: (WRITE, UPLOAD),
    Operation.REMOVE_EXPERIMENT: (ADMIN, ADMIN),
    Operation.UPLOAD: (UPLOAD, UPLOAD),
    Operation.REPLACE_FILE: (WRITE, UPLOAD),
    Operation.REMOVE_FILE: (WRITE, UPLOAD),
    Operation.RUN_ACTION: (UPLOAD, UPLOAD),
    Operation.CANCEL_TASK: (WRITE, UPLOAD),
}


def who(scope: Scope, **more: object) -> Who:
    return Who("pc1", "ada", scope, **more)  # type: ignore[arg-type]  # of the test's own


def test_every_operation_has_a_rule() -> None:
    assert set(RULES) == set(Operation) == set(LEAST)


@pytest.mark.parametrize("operation", Operation, ids=lambda each: each.name)
@pytest.mark.parametrize("scope", Scope, ids=lambda each: each.word)
def test_the_table(operation: Operation, scope: Scope) -> None:
    of_others, own = LEAST[operation]
    asks = who(scope)
    assert (may(asks, operation) is None) is (scope >= own)
    assert (may(asks, operation, Thing(HERE, "a", "ada")) is None) is (scope >= own)
    assert (may(asks, operation, Thing(HERE, "a", "grace")) is None) is (scope >= of_others)
    assert (may(asks, operation, Thing(HERE, "a", None)) is None) is (scope >= of_others)


@pytest.mark.parametrize("asks", [ANYBODY, TOKEN_FILE])
def test_what_has_no_rule_is_refused_to_everybody(asks: Who) -> None:
    assert may(asks, None) is not None
    assert all(may(asks, operation) is None for operation in Operation)


@pytest.mark.parametrize("operation", Operation, ids=lambda each: each.name)
def test_what_a_token_is_not_bound_to_does_not_exist_for_it(operation: Operation) -> None:
    bound = who(ADMIN, experiments=frozenset({HERE}))
    refused = may(bound, operation, Thing(ELSEWHERE, "a", "ada"))
    assert refused is not None
    if operation is Operation.CREATE_EXPERIMENT:
        assert "is bound to some experiments" in refused.reason
    else:
        assert refused.hidden
        assert may(bound, operation, Thing(HERE, "a", "grace")) is None
    assert may(who(ADMIN, experiments=frozenset()), operation, Thing(HERE, "a", "ada")) is not None


def test_a_prefix_holds_for_each_character() -> None:
    bound = who(WRITE, prefixes=("sem_\u00e9", "x"))
    for name in ("sem_\u00e9", "sem_\u00e9.csv", "xyz"):
        assert may(bound, Operation.UPLOAD, Thing(HERE, name)) is None
    for name in ("Sem_\u00e9.csv", "sem_e\u0301.csv", "sem_", " sem_\u00e9", "X", "", "a/../x"):
        refused = may(bound, Operation.UPLOAD, Thing(HERE, name))
        assert refused is not None
        assert not refused.hidden
        seen = may(bound, Operation.SEE, Thing(HERE, name))
        assert seen is not None
        assert seen.hidden


def test_a_refusal_says_whose_version_is_there() -> None:
    refused = may(who(UPLOAD), Operation.REPLACE_FILE, Thing(HERE, "a.csv", "grace"))
    assert refused is not None
    assert refused.reason == (
        "The token 'pc1' of 'ada' may replace files of its own owner only, and the file 'a.csv'"
        " that is there belongs to the owner 'grace'."
    )


def test_secrets_are_long_random_and_found_by_their_beginning() -> None:
    one, other = new_secret(), new_secret()
    assert one != other
    assert one.startswith(PREFIX)
    assert len(one) == len(PREFIX) + 43
    assert len(digest_of(one.encode())) == 64
    assert one not in digest_of(one.encode())
