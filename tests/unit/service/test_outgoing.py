"""Whatever goes wrong with a message is an error that those who send it know."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from aqsync.config.notify import labelled
from aqsync.errors import NotSent
from aqsync.service import outgoing
from aqsync.service.messages import senders

[HOOK, MAIL] = labelled([SecretStr("https://127.0.0.1:1/s3cret"), SecretStr("mailto://s3cret")])


def test_certificates_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "gone.pem"))
    outgoing._authorities.cache_clear()
    with pytest.raises(NotSent) as failed:
        outgoing.get(HOOK)
    assert "certificates" in failed.value.message
    assert "SSL_CERT_FILE" in failed.value.hint


def test_apprise_that_cannot_be_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(senders, "has_apprise", lambda: True)
    monkeypatch.setitem(sys.modules, "apprise", None)  # a part of it is missing
    with pytest.raises(NotSent) as failed:
        senders.send(MAIL, "{}")
    assert "s3cret" not in failed.value.message
