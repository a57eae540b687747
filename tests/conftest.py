from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--aqueduct-url",
        metavar="URL",
        help="run tests/contract against this Aqueduct server instead of the embedded one;"
        " its token, if it wants one, is taken from AQSYNC_API_TOKEN or API_TOKEN",
    )
