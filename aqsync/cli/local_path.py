"""The kind of option and argument that names a path on this machine."""

from __future__ import annotations

from pathlib import Path

import click
from click.shell_completion import CompletionItem


class LocalPath(click.ParamType[Path, str]):
    """A path on this machine; shells complete it."""

    name = "path"

    def convert(
        self,
        value: str | Path,
        param: click.Parameter | None,  # noqa: ARG002 - as click calls it
        ctx: click.Context | None,  # noqa: ARG002 - the same
    ) -> Path:
        """Take it as it is."""
        return Path(value)

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002 - as click calls it
        param: click.Parameter,  # noqa: ARG002 - the same
        incomplete: str,
    ) -> list[CompletionItem[str]]:
        """Leave it to the shell, which knows its files."""
        return [CompletionItem(incomplete, type="file")]


PATH = LocalPath()
