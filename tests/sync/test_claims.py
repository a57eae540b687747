"""Who works on which file."""

from __future__ import annotations

from aqsync.sync.claims import Claims


def test_a_file_is_claimed_once_until_it_is_released() -> None:
    claims = Claims()
    assert claims.take(1)
    assert not claims.take(1)
    assert claims.take(2)
    claims.release(1)
    assert claims.take(1)


def test_what_nobody_holds_may_be_released() -> None:
    claims = Claims()
    claims.release(1)
    assert claims.take(1)


def test_two_drivers_share() -> None:
    claims, shared = Claims(), list[bool]()
    with claims.driver():
        shared.append(claims.shared)
        with claims.driver():
            shared.append(claims.shared)
        shared.append(claims.shared)
    assert shared == [False, True, False]
