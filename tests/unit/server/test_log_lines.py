"""What clients send is one line of the log, and tells a terminal nothing."""

from __future__ import annotations

import logging

from aqsync.server.run import OneLine


def test_names_of_clients_stay_on_their_line() -> None:
    name = "a\nWARNING: forged\x1b[2J\x9b31m\u202e\ud800ü"
    record = logging.LogRecord("x", logging.ERROR, "x", 1, "GET %s: %s", (name, "gone"), None)
    line = OneLine("%(levelname)s: %(message)s").format(record)
    assert line == r"ERROR: GET a\nWARNING: forged\x1b[2J\x9b31m\u202e\ud800ü: gone"
