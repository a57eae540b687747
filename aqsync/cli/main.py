"""The command ``aqsync``. Commands are imported when they run, so that each starts quickly."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from aqsync import __version__
from aqsync.cli.groups import daemon, experiment, extensions, files, service, tags, tasks
from aqsync.cli.utf8 import read_names_as_utf8, speak_as_the_terminal_does
from aqsync.errors import AqsyncError, ExitCode

app = typer.Typer(
    name="aqsync",
    help="Keeps an Aqueduct experiment server filled from directories on this machine.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="The configuration file; else it is looked for."),
]
MappingOption = Annotated[
    list[str] | None, typer.Option("--mapping", "-m", help="Only this mapping; may be repeated.")
]
LOG_LEVELS = ("debug", "info", "warning", "error")
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object instead of lines.")]
# Without a parser typer asks the disk for each path, and for ever where that does not answer.
PathsArgument = Annotated[
    list[Path] | None,
    typer.Argument(
        help="Only these files and directories.", show_default=False, parser=Path, metavar="PATHS"
    ),
]


def _version(*, asked: bool) -> None:
    if asked:
        typer.echo(f"aqsync {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    *,
    _asked_version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=lambda v: _version(asked=v)),
    ] = False,
) -> None:
    pass


@app.command()
def push(
    paths: PathsArgument = None,
    *,
    config: ConfigOption = None,
    mapping: MappingOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be done, and do nothing.")
    ] = False,
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="Report young files as waiting; do not wait for them.")
    ] = False,
    max_wait: Annotated[
        str, typer.Option(help="How long to wait for files that keep changing.")
    ] = "2m",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace conflicting files on the server.")
    ] = False,
    now: Annotated[
        bool, typer.Option("--now", help="Outside the transfer windows and while paused, too.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Upload what is new or changed, once, and say how everything stands.

    Exit status: 0 all in sync; 1 something is held, waiting, failed or differs; 2 usage or
    configuration; 3 server unreachable or token refused; 4 the journal is in use; 130 interrupted.
    """
    from aqsync.cli.commands.push import PushOptions
    from aqsync.cli.commands.push import push as run
    from aqsync.config import parse_duration

    try:
        longest_wait_s = parse_duration(max_wait)
    except ValueError as exc:
        raise typer.BadParameter(str(exc), param_hint="--max-wait") from exc
    options = PushOptions(
        paths=paths or [],
        config=config,
        mappings=mapping or [],
        dry_run=dry_run,
        wait=not no_wait,
        longest_wait_s=longest_wait_s,
        overwrite=overwrite,
        at_once=now,
        json=json,
    )
    raise typer.Exit(run(options))


@app.command()
def run(
    *,
    config: ConfigOption = None,
    log_json: Annotated[
        bool, typer.Option("--log-json", help="One JSON object a line, for collectors.")
    ] = False,
    log_level: Annotated[
        str, typer.Option(help="The least that is worth a line: debug, info, warning or error.")
    ] = "info",
) -> None:
    """Keep the server filled until stopped: watch, upload, mirror and tag.

    SIGHUP reads the configuration again; SIGTERM ends it after the files under way, a second one
    at once.
    """
    from aqsync.cli.commands.run import RunOptions
    from aqsync.cli.commands.run import run as work

    if log_level not in LOG_LEVELS:
        raise typer.BadParameter(f"one of {', '.join(LOG_LEVELS)}", param_hint="--log-level")
    raise typer.Exit(work(RunOptions(config, log_json, log_level)))


@app.command()
def status(
    *,
    config: ConfigOption = None,
    mapping: MappingOption = None,
    no_scan: Annotated[
        bool, typer.Option("--no-scan", help="As last scanned; do not look at the disk now.")
    ] = False,
    show_all: Annotated[bool, typer.Option("--all", help="Every problem, not just some.")] = False,
    json: JsonOption = False,
) -> None:
    """Say how each mapping stands: is everything up there?

    The disk is looked at as it is now, the server's side is as last fetched. Exit status: 0 all
    in sync, 1 not.
    """
    from aqsync.cli.commands.status import status as run

    raise typer.Exit(run(config, mapping or [], scan=not no_scan, everything=show_all, json=json))


@app.command()
def why(
    path: Annotated[
        Path,
        typer.Argument(
            help="A file or directory in a mapped directory.", parser=Path, metavar="PATH"
        ),
    ],
    *,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Say what is decided for a path, why, since when, and what happens next."""
    from aqsync.cli.commands.why import why as run

    raise typer.Exit(run(config, path, json=json))


@app.command()
def retry(
    paths: PathsArgument = None, *, config: ConfigOption = None, mapping: MappingOption = None
) -> None:
    """Set held and failed files free, so that the next push tries them again.

    A file that was removed on the server is sent again. Named by PATH, an emptied file is sent as
    it is, and a mass deletion goes through. Without PATH, --mapping also accepts the mapping's
    directory as it is now.
    """
    from aqsync.cli.orders import retry as run

    raise typer.Exit(run(config, paths or [], mapping or []))


@app.command("ls")
def list_both_sides(
    mappings: Annotated[
        list[str] | None,
        typer.Argument(metavar="[MAPPING]...", help="Only these mappings.", show_default=False),
    ] = None,
    *,
    config: ConfigOption = None,
    remote_only: Annotated[
        bool, typer.Option("--remote-only", help="Only what is on the server and not here.")
    ] = False,
    local_only: Annotated[
        bool, typer.Option("--local-only", help="Only what is here and not on the server.")
    ] = False,
    differs: Annotated[
        bool, typer.Option("--differs", help="Only what is on both sides and not in sync.")
    ] = False,
    no_scan: Annotated[
        bool, typer.Option("--no-scan", help="As last scanned; do not look at the disk now.")
    ] = False,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Ask the server for its file lists now.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """List both sides, file by file: what is here, what is on the server, what differs.

    Marks: `=` in sync, `>` only here, `<` only on the server, `!` on both sides and not in sync,
    `?` the server's list was never fetched. The disk is looked at as it is now, the server's side
    is as last fetched. With --json: an object whose `files` have state, mapping, path, size,
    modified, on_server_since, experiment and remote_name.
    """
    from aqsync.cli.commands.ls import LsOptions
    from aqsync.cli.commands.ls import ls as run
    from aqsync.journal.sides import Standing

    asked = {
        Standing.REMOTE_ONLY: remote_only,
        Standing.LOCAL_ONLY: local_only,
        Standing.DIFFERS: differs,
    }
    only = [standing for standing, wanted in asked.items() if wanted]
    if len(only) > 1:
        raise typer.BadParameter("--remote-only, --local-only and --differs exclude each other")
    options = LsOptions(
        names=mappings or [],
        config=config,
        only=only[0] if only else None,
        scan=not no_scan,
        refresh=refresh,
        json=json,
    )
    raise typer.Exit(run(options))


@app.command()
def history(
    path: Annotated[
        Path | None,
        typer.Argument(
            help="Only this file or directory.", show_default=False, parser=Path, metavar="PATH"
        ),
    ] = None,
    *,
    config: ConfigOption = None,
    mapping: Annotated[
        str | None, typer.Option("--mapping", "-m", help="Only this mapping.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(help="From when on: 2d (two days ago), 2026-11-23, or with a time."),
    ] = None,
    number: Annotated[int, typer.Option("-n", min=1, help="At most so many, the youngest.")] = 50,
    json: JsonOption = False,
) -> None:
    """Say what happened: uploads, removals, what was refused, and when the server was away.

    The youngest comes last. With --json: an object whose `events` have at, what, mapping, path and
    detail.
    """
    from aqsync.cli.commands.history import HistoryOptions
    from aqsync.cli.commands.history import history as run

    raise typer.Exit(run(HistoryOptions(path, config, mapping, since, number, json)))


@app.command()
def check(
    *,
    config: ConfigOption = None,
    online: Annotated[bool, typer.Option("--online", help="Also ask the server.")] = False,
) -> None:
    """Validate the configuration, and with --online what it expects of the server."""
    from aqsync.cli.commands.check import check as run

    raise typer.Exit(run(config, online=online))


@app.command()
def init(
    *,
    output: Annotated[Path, typer.Option(help="Where to write it.")] = Path("aqsync.yaml"),
    url: Annotated[str | None, typer.Option(help="The server's address.")] = None,
    token_file: Annotated[Path | None, typer.Option(help="The file that holds the token.")] = None,
    directory: Annotated[Path | None, typer.Option(help="The directory to upload.")] = None,
    experiment: Annotated[str | None, typer.Option(help="The EID, such as 20261123-1.")] = None,
    path: Annotated[
        str | None, typer.Option(help='With --experiment "{eid}": where it stands, "{eid}_*/**".')
    ] = None,
    name: Annotated[str | None, typer.Option(help="The mapping's name.")] = None,
    prefix: Annotated[str | None, typer.Option(help="Before every remote name.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
) -> None:
    """Write a commented configuration, from options or a few questions."""
    from aqsync.cli.commands.init import InitOptions
    from aqsync.cli.commands.init import init as run

    raise typer.Exit(
        run(InitOptions(output, url, token_file, directory, experiment, path, name, prefix, force))
    )


@app.command()
def serve(
    *,
    data: Annotated[Path, typer.Option(help="The directory for all data.")],
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port; 0 takes a free one.")] = 8000,
    token_file: Annotated[
        Path | None, typer.Option(help="A file with the token that clients must send.")
    ] = None,
    max_file: Annotated[str, typer.Option(help="The largest file to accept.")] = "4 GiB",
    extensions: Annotated[
        Path | None, typer.Option(help="The directory that holds a folder for each extension.")
    ] = None,
    max_tasks: Annotated[
        int, typer.Option(min=1, help="How many tasks of extensions run at once.")
    ] = 2,
) -> None:
    """Run the embedded Aqueduct server."""
    from aqsync.cli.commands.serve import ServeOptions
    from aqsync.cli.commands.serve import serve as run

    raise typer.Exit(
        run(ServeOptions(data, host, port, token_file, max_file, extensions, max_tasks))
    )


@app.command()
def demo(
    directory: Annotated[
        Path | None, typer.Argument(help="Your own folder; else a sample of lab files is made.")
    ] = None,
) -> None:
    """Show the main job from end to end, on a server of its own, and check the result."""
    from aqsync.cli.commands.demo import demo as run

    raise typer.Exit(run(directory))


app.add_typer(daemon.app)
for _name, _group in (
    ("experiment", experiment.app),
    ("tags", tags.app),
    ("files", files.app),
    ("extensions", extensions.app),
    ("tasks", tasks.app),
    ("service", service.app),
):
    app.add_typer(_group, name=_name)

_COLLECT_AFTER = 20_000
"""New objects between two looks for cycles; imports make many objects, and none to be collected."""


def main() -> None:
    """The entry point: errors become lines for people and exit codes."""
    gc.set_threshold(_COLLECT_AFTER)
    try:
        read_names_as_utf8()
        speak_as_the_terminal_does()
        app(standalone_mode=True)
    except AqsyncError as exc:
        from aqsync.cli.output import report_error

        report_error(exc)
        sys.exit(exc.exit_code)
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has gone; nothing is left to tell, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(ExitCode.INCOMPLETE)
    finally:
        gc.freeze()  # nothing is worth collecting just before the end
