"""Reasons: codes that never change, and words that are filled in."""

from __future__ import annotations

import re
import string

import pytest

from aqsync import errors
from aqsync.errors import AqsyncError
from aqsync.model import Explanation, Reason, explain_error, explanation_of, reason_of
from docs.generate import error_classes


def fields(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


@pytest.mark.parametrize("reason", Reason)
def test_a_reason_has_a_code_and_says_something(reason: Reason) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", reason.value)
    assert reason.template
    assert not reason.template.endswith(".")
    assert reason_of(reason.value) is reason


@pytest.mark.parametrize("reason", Reason)
def test_what_is_filled_in_is_told(reason: Reason) -> None:
    names = fields(reason.template) | fields(reason.hint_template)
    why = reason.explain(**{name: f"<{name}>" for name in names})
    assert why.reason is reason
    for name in names:
        assert f"<{name}>" in why.message + why.hint
    assert "{" not in why.message + why.hint


def test_words_of_others_are_not_filled_in_themselves() -> None:
    why = Reason.TAG_FAILED.explain(tag="{eid}", said="{0} {said}", advice="{advice}")
    assert (why.message, why.hint) == ("tag '{eid}': {0} {said}", "{advice}")


@pytest.mark.parametrize("kind", [kind for _, kind in error_classes()])
def test_every_error_has_a_reason(kind: type[AqsyncError]) -> None:
    exc = kind.__new__(kind)
    AqsyncError.__init__(exc, "it happened", hint="do this")
    why = explain_error(exc)
    assert (why.message, why.hint) == ("it happened", "do this")
    if issubclass(kind, errors.RemoteError):
        assert why.reason not in {Reason.ERROR, Reason.LOCAL_ERROR}
    if issubclass(kind, errors.ServerFailed):
        assert why.reason is Reason.SERVER_FAILED


@pytest.mark.parametrize("code", [None, "", "of-a-later-release"])
def test_words_without_a_known_code_are_kept(code: str | None) -> None:
    assert explanation_of(code, "m", "h") == Explanation(Reason.EARLIER, "m", "h")


def test_what_was_written_down_is_what_it_was() -> None:
    why = Reason.TOO_MANY_GONE.explain(gone=5, known=9, share="50%")
    assert explanation_of(why.reason.value, why.message, why.hint) == why
