"""The tables of the queue that servers share, where they cannot be made."""

from __future__ import annotations

import pytest

from aqsync.server.catalog.postgres_address import PostgresAddress
from aqsync.server.errors import ServerStartError
from aqsync.server.extensions.queue_schema import bring_up_to_date


def test_a_database_that_does_not_answer_ends_the_start_with_a_sentence() -> None:
    address = PostgresAddress("postgresql://lab:a-secret@127.0.0.1:1/aqueduct")
    with pytest.raises(ServerStartError) as refused:
        bring_up_to_date(address)
    assert refused.value.message.startswith(
        "the queue of tasks cannot be made in aqueduct on 127.0.0.1:1: "
    )
    assert "a-secret" not in refused.value.message
    assert refused.value.hint
