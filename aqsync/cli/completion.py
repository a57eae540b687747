"""What a shell offers when a person presses the tabulator: EIDs and names of mappings.

Errors are not shown: a message would appear in the middle of the line that the person types.
"""

from __future__ import annotations

from contextlib import suppress

import click
from click.shell_completion import CompletionItem

from aqsync.config import Config, find_config, load_config
from aqsync.errors import AqsyncError
from aqsync.wording import printable

_PATIENCE_S = 2.0
"""Nobody waits longer for an offer."""
_MOST_OFFERED = 50
_LONGEST_SEARCH = 64
"""Characters that the server searches for."""


def complete_mappings(
    ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem[str]]:
    """The names of mappings that begin like this, each with its directory."""
    config = ctx.params.get("config")
    if not isinstance(config, Config):
        return []
    return [
        CompletionItem(mapping.name, help=printable(str(mapping.directory)))
        for mapping in config.mappings
        if mapping.name.startswith(incomplete)
    ]


def complete_eids(
    ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem[str]]:
    """The EIDs that begin like this: those of the configuration, then the server's newest."""
    found: dict[str, str] = {}
    config = ctx.params.get("config")
    with suppress(AqsyncError, OSError):
        mappings = load_config(find_config(config)).mappings
        found |= {m.one_experiment: m.name for m in mappings if m.one_experiment}
    with suppress(AqsyncError, OSError):
        found |= _on_the_server(ctx, incomplete)
    return [
        CompletionItem(eid, help=printable(title))
        for eid, title in found.items()
        if eid.startswith(incomplete)
    ]


def _on_the_server(ctx: click.Context, incomplete: str) -> dict[str, str]:
    from aqsync.cli.server_access import access, connected  # noqa: PLC0415 - it imports this

    given = ctx.params
    found = access(given.get("config"), given.get("url"), given.get("token_file"))
    with connected(found._replace(timeout=_PATIENCE_S)) as server:
        page = server.find(title=incomplete[:_LONGEST_SEARCH] or None, limit=_MOST_OFFERED)
    return {each.eid: each.title for each in page.experiments}
