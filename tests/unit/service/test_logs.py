"""The log: one printable line for each record, whatever it holds."""

from __future__ import annotations

import io
import json
import logging
import os
import re
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqsync.errors import ServerUnreachable
from aqsync.log import Log
from aqsync.service.logs import set_up
from tests.support.logs import log_left_as_it_was

log = Log("aqsync.sync.uploader")
TOKEN = "s3cret-t0ken"


@pytest.fixture(autouse=True)
def _left_as_it_was() -> Iterator[None]:
    with log_left_as_it_was():
        yield


def written(
    say: Callable[[], object],
    *,
    json: bool = False,
    level: str = "info",
    environ: dict[str, str] | None = None,
) -> str:
    stream = io.StringIO()
    set_up(stream, json=json, level=level, environ=environ or {})
    say()
    return stream.getvalue()


def fields(**named: object) -> str:
    """What stands behind the message."""
    line = written(lambda: log.info("seen", **named))
    assert line.endswith("\n")
    return line.removesuffix("\n").partition(" info seen")[2].strip()


def caused(exc: Exception, cause: Exception | None = None) -> Exception:
    """The error with a traceback."""
    try:
        raise exc from cause
    except type(exc) as caught:
        return caught


def test_a_line_has_time_level_message_and_fields() -> None:
    line = written(lambda: log.info("uploaded", path=Path("/data/x.csv"), size=1024))
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d info uploaded path=/data/x.csv size=1024\n",
        line,
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", "v=plain"),
        ("two words", 'v="two words"'),
        ("", 'v=""'),
        ("a=b", 'v="a=b"'),
        ('say "hi"', r'v="say \"hi\""'),
        ("back\\slash", r'v="back\\slash"'),
        ("µm", "v=µm"),
        ("line\nbreak", r'v="line\nbreak"'),
        ("\x1b[31mred", r'v="\x1b[31mred"'),
        ("right\u202eleft", r'v="right\u202eleft"'),
        (os.fsdecode(b"caf\xe9"), r'v="caf\udce9"'),
        (True, "v=true"),
        (1.5, "v=1.5"),
        (b"\x01\xff", "v=01ff"),
        (None, ""),
    ],
)
def test_a_value_ends_where_its_reader_thinks_it_ends(value: object, text: str) -> None:
    assert fields(v=value) == text


@given(st.text(st.characters()), st.text(st.characters()))
def test_every_record_is_one_printable_line(message: str, value: str) -> None:
    with log_left_as_it_was():
        for line in (
            written(lambda: log.info(message, path=value)),
            written(lambda: log.info(message, path=value), json=True),
        ):
            assert line.endswith("\n")
            assert line[:-1].isprintable()
            line.encode()  # no lone surrogate is left


def test_json_has_the_fields_apart_so_that_none_hides_another() -> None:
    name = os.fsdecode(b"caf\xe9")
    line = written(
        lambda: log.warning("held", path=name, level=3, share=float("nan"), eid=None), json=True
    )
    record = json.loads(line)
    assert record.pop("time")
    assert record == {
        "level": "warning",
        "message": "held",
        "fields": {"path": name, "level": 3, "share": "nan"},
    }


def test_levels() -> None:
    def say() -> None:
        log.debug("d")
        log.info("i")
        log.warning("w")
        log.error("e")

    def levels(level: str) -> list[str]:
        return [line.split()[1] for line in written(say, level=level).splitlines()]

    assert levels("debug") == ["debug", "info", "warning", "error"]
    assert levels("info") == ["info", "warning", "error"]
    assert levels("error") == ["error"]
    with pytest.raises(ValueError, match="'loud' is no level"):
        set_up(io.StringIO(), json=False, level="loud", environ={})


@pytest.mark.parametrize("as_json", [False, True])
def test_under_systemd_lines_begin_with_a_priority(tmp_path: Path, *, as_json: bool) -> None:
    with (tmp_path / "stderr").open("w+", encoding="utf-8") as stream:
        status = os.fstat(stream.fileno())
        environ = {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
        set_up(stream, json=as_json, level="debug", environ=environ)
        for say in (log.debug, log.info, log.warning, log.error):
            say("seen", path="x")
        stream.seek(0)
        lines = stream.read().splitlines()
    assert [line[:3] for line in lines] == ["<7>", "<6>", "<4>", "<3>"]
    if as_json:
        assert json.loads(lines[1][3:])["time"]
    else:
        assert lines[1] == "<6>info seen path=x"


@pytest.mark.parametrize("named", ["", "1:2", "nonsense", "a:b"])
def test_a_stream_that_is_not_the_journals_has_times(tmp_path: Path, named: str) -> None:
    with (tmp_path / "stderr").open("w+", encoding="utf-8") as stream:
        set_up(stream, json=False, level="info", environ={"JOURNAL_STREAM": named})
        log.info("seen")
        stream.seek(0)
        assert stream.read()[:2] == "20"


def test_a_stream_that_cannot_show_a_letter_shows_its_code(tmp_path: Path) -> None:
    with (tmp_path / "stderr").open("w", encoding="ascii") as stream:
        set_up(stream, json=False, level="info", environ={})
        log.info("uploaded", path="µ.csv")
    assert "path=\\xb5.csv" in (tmp_path / "stderr").read_text()


def test_an_error_of_ours_is_its_message_and_hint() -> None:
    exc = ServerUnreachable("no connection to http://x", hint="is it up?")
    line = written(lambda: log.error("cannot upload", exc=exc, path="a"))
    assert line.endswith(
        ' error cannot upload path=a error="no connection to http://x" hint="is it up?"\n'
    )


def test_an_error_of_python_brings_its_traceback_on_the_same_line() -> None:
    line = written(lambda: log.error("a step failed", exc=caused(ValueError("odd\nnews"))))
    assert r'error="ValueError: odd\nnews" traceback="Traceback (most' in line
    assert line.count("\n") == 1
    exc = ValueError("x" * 100_000)
    assert len(written(lambda: log.error("e", exc=exc), json=True)) < 120_000


def test_an_error_chain_shows_no_token() -> None:
    cause = ValueError(f"Illegal header value b'Bearer {TOKEN}\\n'")
    ours = caused(ServerUnreachable(f"not sent: authorization: bearer {TOKEN}"), cause)
    outer = caused(RuntimeError("a step failed"), ours)

    def say() -> None:
        log.error("cannot upload", exc=ours)
        log.error("cannot upload", reason=str(cause))
        log.error("a step failed", exc=outer)
        logging.getLogger("httpx").warning("sent Authorization: Bearer %s", TOKEN)

    for as_json in (False, True):
        text = written(say, json=as_json)
        assert text.count("earer ***") >= 4
        assert "Illegal header value" in text  # the chain is there
        assert TOKEN not in text


def test_other_packages_are_heard_from_warnings_on_and_named() -> None:
    def say() -> None:
        logging.getLogger("some.package").warning("%s was missed", "mirror")
        logging.getLogger("httpx").info("HTTP Request: GET http://x")

    [line] = written(say, level="debug").splitlines()
    assert line.endswith(" warning mirror was missed logger=some.package")


def test_pythons_warnings_go_to_the_log() -> None:
    def say() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            logging.captureWarnings(capture=True)
            warnings.warn("watch rebuilt", RuntimeWarning, stacklevel=1)

    with warnings.catch_warnings():
        [line] = written(say).splitlines()
    assert "RuntimeWarning: watch rebuilt" in line
    assert line.endswith(" logger=py.warnings")


def test_exceptions_that_nobody_catches_go_to_the_log() -> None:
    def fail() -> None:
        raise ValueError("odd")

    def interrupt() -> None:
        raise SystemExit

    def say() -> None:
        for target in (fail, interrupt):
            thread = threading.Thread(target=target, name="lookout")
            thread.start()
            thread.join()
        sys.excepthook(RuntimeError, RuntimeError("strange"), None)
        sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)

    first, second = written(say).splitlines()
    assert 'a part of aqsync broke down thread=lookout error="ValueError: odd" trac' in first
    assert 'a part of aqsync broke down thread=main error="RuntimeError: strange" trac' in second


def test_set_up_again_moves_the_log() -> None:
    first, second = io.StringIO(), io.StringIO()
    set_up(first, json=False, level="info", environ={})
    set_up(second, json=False, level="info", environ={})
    log.info("once")
    assert first.getvalue() == ""
    assert len(second.getvalue().splitlines()) == 1
