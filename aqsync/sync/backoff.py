"""How long to wait before something is tried again. Pure."""

from __future__ import annotations

from aqsync.model import SECOND_NS, ServerProblem

LONGEST_BACKOFF_S = 15 * 60
LONGEST_ORDERED_PAUSE_NS = 3600 * SECOND_NS
"""The longest pause that a server may ask for; after that it is asked again."""
FIRST_SEARCH_PAUSE_S = 5
LONGEST_SEARCH_PAUSE_S = 60
"""How soon an experiment that is created after its folder is found, at the latest."""
LONGEST_BACKOFF_NS = int(1.2 * LONGEST_BACKOFF_S) * SECOND_NS


def backoff_ns(failures: int, salt: int) -> int:
    """The pause after so many failures in a row: 1 s, doubling, to 15 min, give or take a fifth.

    Args:
        failures: Failures so far, at least 1.
        salt: Spreads the pauses of different files; the same salt gives the same pause.
    """
    seconds = min(2.0 ** min(failures - 1, 30), LONGEST_BACKOFF_S)
    jitter = 0.8 + 0.4 * ((salt * 2_654_435_761 + failures * 40_503) % 1_000) / 1_000
    return int(seconds * jitter * SECOND_NS)


def probe_is_near(problem: ServerProblem, now_ns: int) -> bool:
    """Whether a probe is planned and its time has not come.

    If it lies further ahead than any pause, it was planned before the clock was set back.
    """
    longest = LONGEST_ORDERED_PAUSE_NS if problem.ordered else backoff_ns(problem.count, 0)
    return 0 < problem.probe_at_ns - now_ns <= longest


def search_pause_ns(looks: int) -> int:
    """The pause after so many failed searches for an experiment: 5 s, doubling, to a minute.

    Args:
        looks: Searches so far, at least 1.
    """
    return min(FIRST_SEARCH_PAUSE_S << min(looks - 1, 30), LONGEST_SEARCH_PAUSE_S) * SECOND_NS
