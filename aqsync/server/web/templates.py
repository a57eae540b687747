"""HTML from the templates beside this file, with every value escaped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined

from aqsync.server.web.formats import counted, link, local_time, size


@dataclass(frozen=True, slots=True)
class Page:
    """A page that is still to be rendered.

    Args:
        template: The file name of its template.
        values: What the template shows.
        status: The HTTP status.
    """

    template: str
    values: Mapping[str, object]
    status: int = 200


def message(status: int, text: str) -> Page:
    """Return a page that says why there is nothing else."""
    title = "Not found" if status == 404 else "Not done"  # noqa: PLR2004 - HTTP
    return Page("message.html", {"title": title, "text": text}, status)


def render(page: Page, *, can_log_out: bool = False) -> str:
    """Return a page as HTML. Any thread may call.

    Args:
        page: The page.
        can_log_out: Whether it has a button to log out.
    """
    template = _environment.get_template(page.template)
    return template.render(page.values, can_log_out=can_log_out)


def _new_environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("aqsync.server.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        auto_reload=False,
    )
    environment.filters |= {"counted": counted, "local_time": local_time, "size": size}
    environment.globals["link"] = link
    return environment


_environment = _new_environment()
