"""``aqsync serve``: the embedded server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from aqsync.cli.commands.serve_export import serve_export
from aqsync.cli.commands.serve_import import serve_import
from aqsync.cli.commands.serve_migrate import serve_migrate
from aqsync.cli.commands.serve_token import token
from aqsync.cli.local_path import PATH
from aqsync.cli.serving.access_options import Access, access_options
from aqsync.cli.serving.storage_options import needed, not_installed, storage_options
from aqsync.config import parse_size
from aqsync.errors import ExitCode, ServeFailed

if TYPE_CHECKING:
    from aqsync.server.settings import StorageSettings


class _Size(click.ParamType[int, str]):
    """Bytes, as people write sizes.

    Args:
        least: The smallest that makes sense.
    """

    name = "size"

    def __init__(self, least: int = 1) -> None:
        self._least = least

    def convert(
        self, value: str | int, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        if isinstance(value, int):
            return value
        try:
            size = parse_size(value)
        except ValueError as exc:
            self.fail(f"{exc}; write it like 4 GiB", param, ctx)
        if size < self._least:
            self.fail("no file would fit", param, ctx)
        return size


@click.group(invoke_without_command=True, epilog="Example: aqsync serve --data ~/aqueduct-data")
@storage_options
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port", type=int, default=8000, show_default=True, help="The port; 0 takes a free one."
)
@click.option(
    "--max-file",
    "max_file_bytes",
    type=_Size(),
    default="4 GiB",
    show_default=True,
    help="The largest file to accept.",
)
@click.option(
    "--extensions", type=PATH, help="The directory that holds a folder for each extension."
)
@click.option(
    "--max-tasks",
    type=click.IntRange(min=1),
    default=2,
    show_default=True,
    help="How many tasks of extensions run at once.",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="How many processes answer; several need --database and --files.",
)
@click.option("--quota", type=_Size(), help="How much all files together may take.")
@click.option(
    "--keep-free",
    type=_Size(least=0),
    help="How much of the disk stays free. [default: 5 %, but at most 1 GiB]",
)
@click.option("--explorer", is_flag=True, help="Show a page to ask the API from, at /api/graphql.")
@access_options
@click.pass_context
def serve(
    ctx: click.Context,
    *,
    storage: StorageSettings | None,
    host: str,
    port: int,
    max_file_bytes: int,
    extensions: Path | None,
    max_tasks: int,
    workers: int,
    quota: int | None,
    keep_free: int | None,
    explorer: bool,
    access: Access,
) -> ExitCode:
    """Run the embedded Aqueduct server."""
    if ctx.invoked_subcommand is not None:
        _refuse_options_of(ctx)
        return ExitCode.OK
    storage = needed(storage)
    secret = access.token()
    try:
        from aqsync.server.errors import ServerStartError  # noqa: PLC0415 - an optional extra
        from aqsync.server.run import serve as run  # noqa: PLC0415 - the same
        from aqsync.server.settings import ServerSettings  # noqa: PLC0415 - the same
    except ImportError as exc:
        raise not_installed(exc) from exc
    try:
        settings = ServerSettings(
            storage,
            secret,
            max_file_bytes,
            extensions,
            max_tasks,
            frozenset(map(str.lower, access.names)),
            quota,
            keep_free,
            frozenset(access.proxies),
            workers=workers,
            rate_limit=access.rate_limit,
            tls=access.tls,
            explorer=explorer,
        )
        run(settings, host=host, port=port, insecure=access.insecure)
    except ServerStartError as exc:
        raise ServeFailed(exc.message, hint=exc.hint) from exc
    return ExitCode.OK


def _refuse_options_of(ctx: click.Context) -> None:
    """Refuse options before a subcommand, which would not see them."""
    for parameter in ctx.command.params:
        if ctx.get_parameter_source(str(parameter.name)) is ParameterSource.COMMANDLINE:
            option = parameter.opts[0]
            raise click.UsageError(f"{option} stands before {ctx.invoked_subcommand}", ctx)


for _command in (serve_import, serve_export, serve_migrate, token):
    serve.add_command(_command)
