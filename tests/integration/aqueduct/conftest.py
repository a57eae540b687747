from __future__ import annotations

from collections.abc import Iterator

import pytest

from aqsync.aqueduct import API
from tests.support.embedded import EmbeddedServer


@pytest.fixture
def api(embedded_server: EmbeddedServer) -> Iterator[API]:
    with API(embedded_server.url, 10) as found:
        yield found
