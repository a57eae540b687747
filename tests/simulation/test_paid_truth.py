from __future__ import annotations

import pytest

from tests.simulation.paid_truth import PaidTruth
from tests.simulation.places import EVERY_S

FILE = "fixed", "a"
SETTLED_S = 2.0


@pytest.mark.parametrize(
    ("sizes", "pause_s", "still_s", "wrong"),
    [
        ((10, 10), EVERY_S, SETTLED_S, ""),
        ((10, 10), EVERY_S - 1, SETTLED_S, "was sent 5.000 s after"),
        ((10, 10), EVERY_S - 1, EVERY_S, ""),
        ((10, 5), EVERY_S, SETTLED_S, ""),
        ((10, 10, 10), EVERY_S, SETTLED_S, "after 20 bytes of versions"),
        ((10, 10, 20), EVERY_S, SETTLED_S, ""),
        ((10, 10, 10), EVERY_S, EVERY_S, ""),
        ((10, 10, 10), 3 * EVERY_S, SETTLED_S, ""),
        ((4, 4, 4), 1.0, SETTLED_S, ""),
    ],
)
def test_versions_of_a_large_file(
    sizes: tuple[int, ...], pause_s: float, still_s: float, wrong: str
) -> None:
    truth = PaidTruth(large=4)
    said = [
        truth.sent(FILE, size, now=number * pause_s, begun=number * pause_s, still_s=still_s)
        for number, size in enumerate(sizes)
    ]
    assert not any(said[:-1])
    assert wrong in said[-1]
    assert bool(said[-1]) == bool(wrong)


def test_what_is_gone_has_cost_nothing() -> None:
    truth = PaidTruth(large=4)
    truth.sent(FILE, 10, now=0, begun=0, still_s=SETTLED_S)
    truth.gone(FILE[0], [FILE[1]])
    assert not truth.sent(FILE, 10, now=1, begun=1, still_s=SETTLED_S)
