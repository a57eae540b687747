"""What monitoring is set up with asks for metrics that there are."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aqsync.service.metrics.collect import Metrics
from tests.support.lab import Lab
from tests.support.status_page import Shown

FOLDER = Path(__file__).parents[3] / "docs" / "monitoring"
_PROMTOOL = shutil.which("promtool")


def names(text: str) -> set[str]:
    return set(re.findall(r"aqsync_[a-z_]+", text))


def expressions() -> Iterator[str]:
    dashboard: dict[str, Any] = json.loads((FOLDER / "grafana.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield target["expr"]
    yield from re.findall(r"^ +expr: (.+)$", (FOLDER / "alerts.yml").read_text(), re.MULTILINE)


def test_every_expression_asks_for_what_there_is(lab: Lab) -> None:
    metrics = Metrics(Shown(lab))
    lab.write("a.csv")
    lab.push()
    known = names(metrics.text().decode())
    for expression in expressions():
        asked = names(expression)
        assert asked or "up{" in expression or "node_textfile_" in expression
        assert asked <= known, expression


def test_the_page_names_every_metric(lab: Lab) -> None:
    metrics = Metrics(Shown(lab))
    told = metrics.text().decode()
    kinds = set(re.findall(r"^# TYPE (aqsync_[a-z_]+)", told, re.MULTILINE))
    page = (FOLDER.parent / "how-to" / "monitor-with-prometheus.md").read_text()
    for name in kinds:
        if not name.endswith("_created"):
            assert f"`{name}`" in page, name


@pytest.mark.skipif(_PROMTOOL is None, reason="promtool of Prometheus is not installed")
@pytest.mark.parametrize(
    "command", [("rules", "alerts.yml"), ("config", "prometheus.yml")], ids=lambda each: each[0]
)
def test_promtool_takes_them(command: tuple[str, str]) -> None:
    kind, file = command
    subprocess.run([str(_PROMTOOL), "check", kind, FOLDER / file], check=True, capture_output=True)


@pytest.mark.skipif(_PROMTOOL is None, reason="promtool of Prometheus is not installed")
def test_promtool_finds_no_fault_in_the_metrics(lab: Lab) -> None:
    text = Metrics(Shown(lab)).text()
    ran = subprocess.run(
        [str(_PROMTOOL), "check", "metrics"], check=False, capture_output=True, input=text
    )
    assert (ran.returncode, ran.stderr) == (0, b"")
