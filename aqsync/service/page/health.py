"""What must be right for files to arrive: what the daemon knows, and what `aqsync doctor` finds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from aqsync.service.doctor.examination import CHECKS, examine
from aqsync.service.doctor.findings import Finding, Verdict
from aqsync.service.doctor.subject import Subject
from aqsync.service.page.buttons import Fields, button
from aqsync.service.page.examination import Examination, Examined
from aqsync.service.page.site import Site
from aqsync.wording import counted

COLOURS = {
    Verdict.OK: "green",
    Verdict.WARNING: "waiting",
    Verdict.FAULT: "needs-you",
    Verdict.SKIPPED: "soft",
}
_SERVICE = "aqsync"
_WORST_FIRST = (Verdict.FAULT, Verdict.WARNING, Verdict.SKIPPED, Verdict.OK)


def routes(site: Site) -> list[BaseRoute]:
    """This page's routes."""
    examination = Examination(lambda: examine_as(site), site.clock)

    def shown(request: Request) -> Response:
        return site.answer(request, "health.html", **_values(site, examination.last))

    def begin(_fields: Fields) -> str:
        if examination.begin():
            return "the examination has begun; what it finds is shown below"
        return "an examination goes on already"

    return [Route("/health", shown), button(site, "/do/examine", begin)]


def examine_as(site: Site) -> Iterator[Finding]:
    """All checks by the daemon's own configuration, as its own user."""
    subject = Subject(site.daemon.config.path, _SERVICE, site.clock)
    try:
        yield from examine(subject)
    finally:
        subject.close()


def _values(site: Site, examined: Examined | None) -> dict[str, Any]:
    findings = () if examined is None else examined.findings
    return {
        "now_ns": site.clock.now_ns(),
        "overview": site.at_once(),
        "daemon": site.daemon.status(),
        "examined": examined,
        "findings": sorted(findings, key=lambda each: _WORST_FIRST.index(Verdict(each.verdict))),
        "checks": len(CHECKS),
        "verdict": _verdict(findings),
        "colours": COLOURS,
    }


def _verdict(findings: tuple[Finding, ...]) -> str:
    """How it stands, in one sentence."""
    counts = Counter(each.verdict for each in findings)
    faults, warnings = counts[Verdict.FAULT], counts[Verdict.WARNING]
    if not faults and not warnings:
        return "Nothing is wrong."
    return f"{counted(faults, 'fault')}, {counted(warnings, 'warning')}."
