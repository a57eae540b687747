"""The command ``aqsync``: its list of commands, and how errors become exit statuses."""

from __future__ import annotations

import gc
import sys
from importlib import import_module

import click

from aqsync import __version__
from aqsync.cli.streams import lost_output, make_streams_safe
from aqsync.cli.utf8 import read_names_as_utf8, use_encoding_of_terminal
from aqsync.errors import AqsyncError, ExitCode

COMMANDS = {
    "push": "Upload what is new or changed, once, and say how everything stands.",
    "run": "Keep the server filled until stopped: watch, upload, mirror and tag.",
    "status": "Say how each mapping stands: is everything up there?",
    "open": "Open the daemon's status page: is everything up there, and if not, why?",
    "why": "Say what is decided for a path, why, since when, and what happens next.",
    "retry": "Set held and failed files free, so that the next push tries them again.",
    "tidy": "Remove the leftovers of databases from the server, and ask before.",
    "verify": "Compare disk, manifest and server, and say each difference.",
    "free": "Remove files here that are on the server, each proved byte for byte.",
    "ls": "List both sides, file by file: what is here, what is on the server, what differs.",
    "history": "Say what happened: uploads, removals, what was refused, and when the server was"
    " away.",
    "report": "Write a page that tells the lab what was measured and sent, and what is still"
    " waiting.",
    "check": "Validate the configuration, and with --online what it expects of the server.",
    "doctor": "Find what is wrong with this set-up, and name the cure of each fault.",
    "fleet": "Say how all PCs of the fleet stand, and which of them are silent.",
    "notify": "Send messages to the addresses that the configuration names.",
    "init": "Write a commented configuration, from options or a few questions.",
    "serve": "Run the embedded Aqueduct server.",
    "demo": "Show the main job from end to end, on a server of its own, and check the result.",
    "pause": "Send nothing of a mapping, or of all mappings, to the server for a while.",
    "resume": "End the pause of a mapping, or every pause.",
    "reload": "Have the running daemon take over the configuration as it is now.",
    "experiment": "Create, find, show, change and remove experiments.",
    "tags": "Add, remove and list tags.",
    "pull": "Give the whole tree of an experiment back, as it was.",
    "files": "List, upload, download and remove the files of an experiment.",
    "extensions": "List and show the server's extensions, and run their actions.",
    "tasks": "List, show and cancel tasks: the runs of extensions' actions.",
    "service": "Make the daemon a service of systemd, see how it is, and take it away.",
    "completion": "Print what lets a shell complete commands, options, EIDs and mapping names.",
}
"""Each command's summary, so that ``aqsync --help`` imports none; the rest is in its module."""

_COLLECT_AFTER = 20_000
"""New objects between two searches for cycles; imports make many objects, and no garbage."""


def load(name: str) -> click.Command:
    """Import a command from the module of its name."""
    command: click.Command = getattr(import_module(f"aqsync.cli.commands.{name}"), name)
    return command


class LazyGroup(click.Group):
    """Knows names and summaries, and imports a command when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - as click calls it
        """Return the names, the important ones first."""
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is called, and import it."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, load(name) if name else command, rest


@click.group(
    cls=LazyGroup,
    epilog="Example: aqsync push --dry-run",
    context_settings={"help_option_names": ["-h", "--help"]},
    commands={name: click.Command(name, short_help=line) for name, line in COMMANDS.items()},
)
@click.version_option(__version__, message="aqsync %(version)s", help="Print the version.")
def aqsync() -> None:
    """Keep an Aqueduct experiment server filled from directories on this machine."""


def main() -> None:
    """Run the command line; errors become lines for people and exit statuses."""
    gc.set_threshold(_COLLECT_AFTER)
    try:
        make_streams_safe()
        sys.exit(_with_its_output(_run()))
    finally:
        gc.freeze()  # the process ends: looking for garbage would be wasted


def _with_its_output(status: int) -> int:
    """An answer that could not be written is no success; a reader who has enough is no failure."""
    lost = lost_output()
    if lost is None:
        return status
    from aqsync.cli.output import complain  # noqa: PLC0415 - only where it is needed

    complain(f"error: the output cannot be written: {lost.strerror}")
    return status or ExitCode.INCOMPLETE


def _run() -> int:
    try:
        read_names_as_utf8()
        use_encoding_of_terminal()
        status = aqsync.main(prog_name="aqsync", standalone_mode=False)
    except AqsyncError as exc:
        from aqsync.cli.output import report_error  # noqa: PLC0415 - only where it is needed

        report_error(exc)
        return exc.exit_code
    except click.ClickException as exc:
        exc.show()
        return exc.exit_code
    except (click.Abort, KeyboardInterrupt):
        if sys.stderr.isatty():  # the shell's next prompt begins a line
            click.echo(err=True)
        return ExitCode.INTERRUPTED
    return int(status or ExitCode.OK)
