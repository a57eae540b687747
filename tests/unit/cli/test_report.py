"""What a report is made of: bars, words for people outside, and a page that holds nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import aqsync.cli.report
from aqsync.cli.report.page import page, period_text
from aqsync.cli.report.plots import BASE, TOP, plot
from aqsync.cli.report.private_words import without_folders
from tests.support.report_answer import answer, tally
from tests.support.time_zone import KOLKATA, local_time_zone

TEMPLATES = Path(aqsync.cli.report.__file__).parent / "templates"
ROOTS = {"fridge": "/srv/lab/fridge", "lab": "/srv/lab", "odd": "/data/my runs"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("/srv/lab/fridge/run/a.csv is odd", "fridge/run/a.csv is odd"),
        ("/srv/lab/other/a.csv", "lab/other/a.csv"),
        ("/srv/lab is away", "lab is away"),
        ("'/data/my runs/a b.csv' cannot be read", "'odd/a b.csv' cannot be read"),
        ("'/home/anna/my runs/a b.csv' cannot be read", "'…/a b.csv' cannot be read"),
        ("mount /mnt/disk-7/, or retry (/etc/aqsync/token)", "mount …/disk-7, or retry (…/token)"),
        ("/srv/laboratory/x: no", "…/x: no"),
        ("http://host:80/files/a and/or 3 / 4 MiB/s", "http://host:80/files/a and/or 3 / 4 MiB/s"),
        ("`aqsync retry PATH` sends it", "`aqsync retry PATH` sends it"),
    ],
)
def test_no_folder_of_this_machine_is_told(text: str, told: str) -> None:
    assert without_folders(text, ROOTS) == told


def test_bars_are_as_high_as_their_numbers() -> None:
    drawn = plot([("a", 0), ("b", 1), ("c", 100), ("d", 50)], str)
    assert [bar.height for bar in drawn.bars] == [0, 1.4, BASE - TOP, (BASE - TOP) / 2]
    assert all(bar.y + bar.height == BASE for bar in drawn.bars)
    assert [bar.middle for bar in drawn.bars] == [12.5, 37.5, 62.5, 87.5]
    assert drawn.top == "100"
    assert drawn.bars[2].told == "c: 100"


def test_a_plot_of_nothing_and_one_of_many() -> None:
    assert plot([], str).bars == []
    assert [bar.height for bar in plot([("a", 0)], str).bars] == [0]
    many = plot([(str(n), n) for n in range(62)], str).bars
    assert 0 < sum(bool(bar.label) for bar in many) <= 8
    assert many[-1].x + many[-1].width < 100


def test_hostile_names_stay_text() -> None:
    html = page(answer())
    assert "alert(1)" in html
    assert not re.search(r"<\s*script|</style>\s*</title>|<[^>]*onload[^>]*=", html)
    assert "49" not in html
    html.encode()


def test_the_page_holds_no_script_and_fetches_nothing() -> None:
    html = page(answer())
    assert re.findall(r"(?:src|href|action|data)=\"([^\"]*)", html) == ["http://server"] * 1 + [
        "http://server/x"
    ]
    assert not re.search(r"<(?:script|link|img|iframe|object|form|base)|url\(|@import", html)
    assert not re.search(r"\son\w+=", html.replace("onload=x", ""))


def test_the_title_names_pc_period_and_verdict() -> None:
    html = page(answer(host="fridge-pc"))
    assert "<title>fridge-pc, 2026-11-23 to 2026-11-24: needs you</title>" in html


def test_values_are_escaped_in_every_template() -> None:
    for template in TEMPLATES.glob("*.html"):
        text = template.read_text()
        assert not re.search(r"\|\s*safe|autoescape|Markup", text)
        assert not re.search(r"=\{\{|=[^\"'\s>]+\{\{", text), "a value without quotes"


def test_days_are_those_of_the_local_calendar_and_none_is_left_out() -> None:
    with local_time_zone(KOLKATA):
        assert period_text("2026-11-22T18:29:00+00:00", "2026-11-22T18:31:00+00:00") == (
            "2026-11-22 to 2026-11-23"
        )
    html = page(answer(since="2026-11-20T12:00:00+00:00"))
    days = re.findall(r'<th scope="row" class="time">([^<]+)</th>', html)
    assert days == [f"2026-11-{day}" for day in range(20, 25)]


def test_of_a_long_time_each_month_is_a_line() -> None:
    days = [{"day": day, **tally()} for day in ("2026-02-27", "2026-02-28", "2026-11-23")]
    html = page(answer(since="2016-11-20T12:00:00+00:00", days=days))
    rows = re.findall(r'class="time">(2026-\d\d)</th>\s*<td class="number">(\d+)', html)
    assert rows == [(f"2026-{m:02}", {2: "2", 11: "1"}.get(m, "0")) for m in range(2, 12)]
