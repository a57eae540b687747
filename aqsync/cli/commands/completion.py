"""``aqsync completion``: let a shell complete commands, options, EIDs and mapping names."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from aqsync.errors import ExitCode

_SHELLS = ["bash", "zsh", "fish"]


@click.command(epilog="Example: aqsync completion bash")
@click.argument("shell", type=click.Choice(_SHELLS), help="For which shell.")
def completion(*, shell: str) -> ExitCode:
    """Print what lets a shell complete commands, options, EIDs and mapping names.

    For this session: eval "$(aqsync completion bash)", or aqsync completion fish | source. For
    good: put it into ~/.local/share/bash-completion/completions/aqsync, into a file _aqsync in a
    folder of zsh's $fpath, or into ~/.config/fish/completions/aqsync.fish.
    """
    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101 - click has all that can be chosen
    root = click.get_current_context().find_root()
    click.echo(kind(root.command, {}, "aqsync", "_AQSYNC_COMPLETE").source())
    return ExitCode.OK
