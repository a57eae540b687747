"""Times as people read them."""

from __future__ import annotations

from datetime import UTC, datetime

from aqsync.local_time import local_text
from aqsync.wording import iso_text
from tests.support.time_zone import BERLIN, KOLKATA, local_time_zone

WINTER = datetime(2026, 11, 23, 9, 0, 0, 999_999, tzinfo=UTC)
SUMMER = datetime(2026, 7, 1, 9, tzinfo=UTC)


def test_a_time_is_local_and_has_its_zone() -> None:
    with local_time_zone(BERLIN):
        assert local_text(WINTER) == "2026-11-23 10:00:00+01:00"
        assert local_text(SUMMER.timestamp()) == "2026-07-01 11:00:00+02:00"
        assert local_text(datetime(2026, 7, 1, 11)) == "2026-07-01 11:00:00+02:00"  # noqa: DTZ001 - meant as local
    with local_time_zone(KOLKATA):
        assert local_text(WINTER) == "2026-11-23 14:30:00+05:30"


def test_a_file_may_have_any_time() -> None:
    assert local_text(1e14) == "100000000000000 s after 1970"
    assert iso_text(10**23) is None
