"""What monitoring systems read is what `status` says, and holds no name of a file."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from aqsync.errors import ServerUnreachable
from aqsync.journal.pauses import EVERYTHING
from aqsync.service.metrics.collect import Metrics
from aqsync.service.metrics.textfile import MetricsFile
from tests.support.lab import EID, Lab
from tests.support.status_page import Browser, Shown, browsing

SECRET = "secret-sample"


@pytest.fixture
def browser(lab: Lab) -> Iterator[Browser]:
    with browsing(lab) as found:
        yield found


def read(text: bytes) -> dict[str, float]:
    """Samples by name and labels, without those of the process itself."""
    return {
        ",".join([sample.name, *(sample.labels[key] for key in sorted(sample.labels))]): (
            sample.value
        )
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
        if family.name.startswith("aqsync")
    }


def test_what_stands_and_what_happened(lab: Lab) -> None:
    lab.write(f"{SECRET}/old.csv", b"before")
    lab.push()
    metrics = Metrics(Shown(lab))
    assert read(metrics.text())["aqsync_uploaded_bytes_total,lab"] == 0
    lab.write(f"{SECRET}/a.csv", bytes(2000), age_s=90)
    lab.push()
    lab.server.put(EID, "held.csv", b"theirs")
    lab.write("held.csv", b"ours")
    lab.push()
    lab.clock.advance(60)
    lab.write("young.csv", bytes(7), age_s=2)
    lab.scan()
    text = metrics.text()
    assert SECRET.encode() not in text
    assert b"held.csv" not in text
    found = read(text)
    assert found["aqsync_files,lab,in_sync"] == 2
    assert found["aqsync_bytes,lab,in_sync"] == 2006
    assert found["aqsync_files,lab,waiting"] == 1
    assert found["aqsync_files_needing_person,conflict-name-taken,lab"] == 1
    assert found["aqsync_light,needs_you"] == 1
    assert found["aqsync_light,green"] == 0
    assert found["aqsync_server_up"] == 1
    assert found["aqsync_oldest_waiting_seconds,lab"] > 1
    assert found["aqsync_scan_duration_seconds,lab"] == 0.25
    assert found["aqsync_outcomes_total,lab,uploaded"] == 1
    assert found["aqsync_uploaded_bytes_total,lab"] == 2000
    assert found["aqsync_upload_size_bytes_count,lab"] == 1
    assert found["aqsync_upload_size_bytes_bucket,1024.0,lab"] == 0
    assert found["aqsync_upload_size_bytes_bucket,8192.0,lab"] == 1
    assert 90 <= found["aqsync_upload_latency_seconds_sum,lab"] < 100
    assert read(metrics.text())["aqsync_outcomes_total,lab,uploaded"] == 1, "counted once"


def test_what_comes_after_the_history_was_pruned_is_counted(lab: Lab) -> None:
    lab.write("old.csv", b"before")
    lab.push()
    metrics = Metrics(Shown(lab))
    metrics.text()
    lab.clock.advance(86_400)
    lab.journal.history.prune(lab.clock.now_ns(), 0)
    lab.write("new.csv", bytes(2000), age_s=90)
    lab.push()
    assert read(metrics.text())["aqsync_uploaded_bytes_total,lab"] == 2000


def test_a_pause_a_server_that_is_away_and_a_full_sync(lab: Lab) -> None:
    metrics = Metrics(Shown(lab))
    found = read(metrics.text())
    assert "aqsync_last_full_sync_timestamp_seconds,lab" not in found
    lab.journal.pauses.pause(EVERYTHING, lab.clock.now_ns(), None)
    lab.server.troubles["list_files"].append(ServerUnreachable("away"))
    lab.engine.refresh([EID])
    lab.clock.advance(60)
    found = read(metrics.text())
    assert found["aqsync_server_up"] == 0
    assert found["aqsync_paused,lab"] == 1
    assert found["aqsync_watch_healthy,lab"] == 1


def test_they_are_asked_for_without_a_token(browser: Browser, lab: Lab) -> None:
    lab.push()
    answer = browser.ask("/metrics")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert read(answer.body)["aqsync_light,green"] == 1
    assert browser.ask("/metrics", "POST").status == 403


def test_alive_and_ready_say_why_not(browser: Browser, lab: Lab) -> None:
    alive, ready = browser.ask("/healthz"), browser.ask("/readyz")
    assert (alive.status, json.loads(alive.body)) == (200, {"alive": True, "reasons": []})
    assert ready.status == 503
    assert json.loads(ready.body)["reasons"] == [{"code": "not-looked-at", "what": "lab"}]
    lab.push()
    lab.clock.advance(60)
    assert browser.ask("/readyz").status == 200
    lab.server.troubles["list_files"].append(ServerUnreachable("http://host/secret away"))
    lab.engine.refresh([EID])
    browser.shown.stuck = "dispatcher"
    lab.clock.advance(60)
    alive, ready = browser.ask("/healthz"), browser.ask("/readyz")
    assert (alive.status, ready.status) == (503, 503)
    assert json.loads(alive.body)["reasons"] == [{"code": "stuck", "what": "dispatcher"}]
    assert {"code": "server-unreachable", "what": "server"} in json.loads(ready.body)["reasons"]
    assert b"secret" not in ready.body


def test_what_was_only_looked_at_before_the_start_is_not_ready(browser: Browser, lab: Lab) -> None:
    lab.write("a.csv")
    lab.push()
    browser.shown.scanned = {}
    answer = browser.ask("/readyz")
    assert answer.status == 503
    assert json.loads(answer.body)["reasons"] == [{"code": "not-looked-at", "what": "lab"}]
    browser.shown.scanned = {"lab": 1.0}
    assert browser.ask("/readyz").status == 200


def test_a_root_that_is_away_is_not_ready(browser: Browser, lab: Lab) -> None:
    lab.push()
    lab.root.rename(lab.root.with_name("elsewhere"))
    lab.scan()
    lab.clock.advance(60)
    [reason] = json.loads(browser.ask("/readyz").body)["reasons"]
    assert reason["what"] == "lab"
    assert "/" not in reason["code"]


def test_the_file_is_replaced_as_a_whole(
    lab: Lab, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path: Path | None = None
    file = MetricsFile(Metrics(Shown(lab)), lambda: path, lab.clock)
    file.step()
    path = tmp_path / "metrics" / "aqsync.prom"
    for _ in range(2):
        file.step()
    assert caplog.messages.count("the metrics file cannot be written") == 1
    assert file.problem is not None
    assert str(path) in file.problem
    path.parent.mkdir()
    umask = os.umask(0o077)  # as in the shipped unit
    try:
        file.step()
    finally:
        os.umask(umask)
    assert read(path.read_bytes())["aqsync_server_up"] == 1
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    assert path.stat().st_mode & 0o777 == 0o644
    assert file.problem is None
