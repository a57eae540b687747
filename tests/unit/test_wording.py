from __future__ import annotations

import pytest

from aqsync.wording import duration


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (0.25, "0.25 s"),
        (20, "20 s"),
        (59.9996, "1 min"),
        (90, "1 min 30 s"),
        (600, "10 min"),
        (3600, "1 h"),
        (5400.5, "1 h 30 min 0.5 s"),
        (86_400, "1 day"),
        (2_678_400, "31 days"),
        (0.1 + 0.2, "0.3 s"),
    ],
)
def test_a_duration_is_written_as_people_write_it(seconds: float, said: str) -> None:
    assert duration(seconds) == said
