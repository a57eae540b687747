"""The manual pages that are made from the commands."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import click
import pytest

from docs.generate import commands
from docs.man_pages import _plain, man_pages
from tests.support.patience import HANG_S

PAGES = man_pages()


def test_every_command_has_one_with_all_its_options() -> None:
    assert PAGES.keys() - {"aqsync.1"} == {
        f"{each.command_path.replace(' ', '-')}.1" for each in commands()
    }
    for each in commands():
        text = PAGES[f"{each.command_path.replace(' ', '-')}.1"]
        assert text.startswith(".TH ")
        assert re.findall(r"^\.SH (.*)$", text, re.MULTILINE)[:3] == [
            *("NAME", "SYNOPSIS", "DESCRIPTION")
        ]
        for parameter in each.command.params:
            for spelling in parameter.opts if isinstance(parameter, click.Option) else []:
                assert _plain(spelling) in text, (each.command_path, spelling)


def test_every_page_that_is_named_is_there() -> None:
    for text in PAGES.values():
        for name in re.findall(r"\\fB(\S+?)\\fR\(1\)", text):
            assert f"{name.replace(chr(92), '')}.1" in PAGES


def test_what_would_be_an_order_to_the_formatter_is_text() -> None:
    assert _plain(".SH") == "\\&.SH"
    assert _plain("'x") == "\\&'x"
    assert _plain(r"a\b-c") == r"a\(rsb\-c"


@pytest.mark.skipif(shutil.which("groff") is None, reason="there is no groff here")
def test_the_formatter_has_nothing_to_complain_of(tmp_path: Path) -> None:
    for name, text in PAGES.items():
        (tmp_path / name).write_text(text)
    ran = subprocess.run(
        ["groff", "-man", "-Kutf8", "-Tutf8", "-ww", "-z", *PAGES],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=HANG_S,
    )
    assert ran.stderr == ""
