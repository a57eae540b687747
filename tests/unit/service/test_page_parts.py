"""Small parts of the status page: rates, rules that leave a file out, addresses of files."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqsync.config import MappingConfig
from aqsync.journal.history import Event, HistoryKind
from aqsync.local.rules import Rules
from aqsync.model import SECOND_NS
from aqsync.service.page.addresses import quoted, unquoted
from aqsync.service.page.ignore_lines import ignore_line
from aqsync.service.page.rates import rates
from aqsync.service.page.render import environment
from aqsync.service.web.models import FileUnderWay

NOW_NS = 1_000 * SECOND_NS
NAMES = st.lists(
    st.text(st.sampled_from("aB 1#!?*[]\\{}.-~'\"<>&é漢"), min_size=1, max_size=8).filter(
        lambda name: name not in {".", ".."}
    ),
    min_size=1,
    max_size=3,
)


def under_way(mapping: str, sent: int, seconds: float) -> FileUnderWay:
    return FileUnderWay(mapping=mapping, path="f", size=10_000, sent=sent, seconds=seconds)


def uploaded(mapping: str, size: int, ago_s: float, took_s: float) -> Event:
    at_ns, took_ns = NOW_NS - int(ago_s * SECOND_NS), int(took_s * SECOND_NS)
    return Event(at_ns, HistoryKind.UPLOADED, mapping, "f", "", size=size, took_ns=took_ns)


def test_a_rate_is_what_was_sent_lately() -> None:
    assert rates([], [], NOW_NS) == {}
    assert rates([under_way("a", 1_000, 10.0)], [], NOW_NS) == {"a": 100.0}
    # Of what takes long, only the last half minute counts.
    assert rates([under_way("a", 6_000, 60.0)], [], NOW_NS) == {"a": 100.0}
    assert rates([], [uploaded("b", 4_000, 10.0, 40.0)], NOW_NS) == {"b": 2_000 / 30}
    # What has ended and what goes on are one stream.
    both = rates([under_way("a", 500, 5.0)], [uploaded("a", 500, 5.0, 5.0)], NOW_NS)
    assert both == {"a": 100.0}
    # What has only just begun has no rate of a moment.
    assert rates([under_way("a", 64, 0.001)], [], NOW_NS) == {"a": 64.0}


@given(NAMES)
def test_a_line_leaves_out_this_file_and_no_other(names: list[str]) -> None:
    path = "/".join(names)
    line = ignore_line(path)
    assert line is not None
    mapping = MappingConfig.model_validate(
        {"name": "m", "directory": "/data", "experiment": "20261123-1", "ignore": ()}
    )
    rules = Rules(mapping, f"{line}\n")
    assert not rules.selects(path)
    for other in (f"{path}x", f"x{path}", f"deeper/{path}", path[:-1] + "Z"):
        assert rules.selects(other), other


@pytest.mark.parametrize("name", ["a\nb", "a\rb", "a\u202eb", os.fsdecode(b"a\xffb"), "a\tb"])
def test_what_a_text_file_cannot_show_gets_no_line(name: str) -> None:
    assert ignore_line(name) is None


@given(st.binary(min_size=1).filter(lambda name: b"\0" not in name))
def test_a_form_holds_any_name(name: bytes) -> None:
    path = os.fsdecode(name)
    field = quoted(path)
    assert field.isascii()
    assert not set(field) & set(" \"'<>&")
    assert unquoted(field) == path


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("try `a <b>` or `c`", "try <code>a &lt;b&gt;</code> or <code>c</code>"),
        ("a\nb", "a\\nb"),
        ("", ""),
        ("one ` <i>", "one ` &lt;i&gt;"),
    ],
)
def test_commands_in_a_hint_are_set_apart(text: str, shown: str) -> None:
    assert environment().from_string("{{ text | told }}").render(text=text) == shown
