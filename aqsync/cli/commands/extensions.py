"""``aqsync extensions list`` and ``show``."""

from __future__ import annotations

from collections.abc import Sequence

from aqsync.aqueduct.records import Action, ExtensionRecord, Parameter
from aqsync.aqueduct.server import Server
from aqsync.cli.as_json import extension_shape
from aqsync.cli.groups.options import ServerOptions
from aqsync.cli.output import complain, say, say_json
from aqsync.cli.server_access import connected
from aqsync.cli.tables import say_fields, say_table
from aqsync.errors import ExitCode, OperationFailed


def list_extensions(options: ServerOptions, *, json: bool) -> ExitCode:
    """List the server's extensions, a line for each action."""
    with connected(options) as server:
        found = server.tasks.extensions()
    if json:
        say_json([extension_shape(each) for each in found])
        return ExitCode.OK
    say_table(
        ("EXTENSION", "ACTION", "DESCRIPTION"),
        [
            (each.name, action.name, _one_line(action.description or each.description))
            for each in found
            for action in each.actions
        ],
    )
    if not found:
        complain("the server has no extensions")
    return ExitCode.OK


def show(options: ServerOptions, name: str, *, json: bool) -> ExitCode:
    """Show an extension, its actions, and the parameters that they take."""
    with connected(options) as server:
        found = extension(server, name)
    if json:
        say_json(extension_shape(found))
        return ExitCode.OK
    say_fields(
        [
            ("extension", found.name),
            ("description", (found.description or "").strip()),
            ("authors", found.authors),
        ]
    )
    for action in found.actions:
        say("")
        say_fields([("action", action.name), ("description", action.description.strip())])
        say_table(
            ("PARAMETER", "TYPE", "DEFAULT", "DESCRIPTION"),
            [_row(parameter) for parameter in action.parameters],
        )
    return ExitCode.OK


def extension(server: Server, name: str) -> ExtensionRecord:
    """Return an extension by its name.

    Raises:
        OperationFailed: The server has none of this name.
    """
    found = server.tasks.extensions()
    for each in found:
        if each.name == name:
            return each
    raise _missing("the server has no extension", name, [each.name for each in found])


def action_of(found: ExtensionRecord, name: str) -> Action:
    """Return an action of an extension by its name.

    Raises:
        OperationFailed: The extension has none of this name.
    """
    for each in found.actions:
        if each.name == name:
            return each
    names = [each.name for each in found.actions]
    raise _missing(f"extension {found.name!r} has no action", name, names)


def _missing(what: str, name: str, names: Sequence[str]) -> OperationFailed:
    there = ", ".join(map(repr, names)) or "none at all"
    return OperationFailed(f"{what} {name!r}", hint=f"it has {there}")


def _row(parameter: Parameter) -> tuple[str, str, str, str]:
    needed = "(needed)" if parameter.default_value is None else parameter.default_value
    said = [parameter.display_name, _one_line(parameter.description)]
    if parameter.options is not None:
        said.append(f"one of {', '.join(parameter.options)}")
    return parameter.name, parameter.data_type, needed, "; ".join(filter(None, said))


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())
