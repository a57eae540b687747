"""HTML from the templates beside this file, with every value escaped."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse

from aqsync.html import Environment, environment_of
from aqsync.local_time import local_text
from aqsync.model import SECOND_NS
from aqsync.service.page.addresses import address, quoted
from aqsync.wording import age_text


def page(template: str, values: Mapping[str, Any], status: int = 200) -> HTMLResponse:
    """An answer.

    Args:
        template: The file name of its template.
        values: What the template shows.
        status: The HTTP status.
    """
    # A file's name may hold lone surrogates, which are no UTF-8.
    html = environment().get_template(template).render(values).encode("utf-8", "replace")
    return HTMLResponse(html, status, headers={"cache-control": "no-store"})


@cache
def digest_of(name: str) -> str:
    """What stands for the content of a file in ``static``, in its address."""
    content = (files("aqsync.service.page") / "static" / name).read_bytes()
    return hashlib.sha256(content).hexdigest()[:12]


def _static(name: str) -> str:
    return f"/static/{name}?v={digest_of(name)}"


def prepare() -> None:
    """Do before the first visit what would make it wait a tenth of a second; blocks that long."""
    asyncio.run(run_in_threadpool(environment))  # the first call of a thread loads much
    for template in (
        "frame.html",
        "parts.html",
        "glance.html",
        "needs_you_parts.html",
        "needs_you.html",
    ):
        environment().get_template(template)


@cache
def environment() -> Environment:
    """Where the templates are."""
    made = environment_of("aqsync.service.page")
    made.globals["static"] = _static
    made.filters |= {
        "age": age_text,
        "quoted": quoted,
        "time": lambda at_ns: local_text(at_ns / SECOND_NS),
    }
    made.globals["link_to"] = address
    return made
