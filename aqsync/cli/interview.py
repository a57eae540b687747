"""What `aqsync init` asks on a terminal; what is answered is tried at once.

An answer that the command line gave is not asked for, but tried like any other.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import click

from aqsync.aqueduct.client import Client
from aqsync.aqueduct.records import ExperimentRef
from aqsync.cli.output import report_error, say
from aqsync.cli.server_access import URL_VARIABLE, Access, connected
from aqsync.cli.starting_server import await_start
from aqsync.config import MappingConfig
from aqsync.config.made import NEW, folder_pattern
from aqsync.config.patterns import EID, brace_names, check_pattern
from aqsync.config.presets import presets, recognised
from aqsync.config.token import checked_token, read_token, store_token, token_place
from aqsync.config.written_path import written_path
from aqsync.errors import AqsyncError, ConfigError, ExperimentNotFound, TokenRefused
from aqsync.local.roots import root_identity
from aqsync.local.rules import Rules
from aqsync.wording import counted, printable

T = TypeVar("T")

_MOST_LOOKED_AT = 20_000
"""Entries of the folder; so many take a tenth of a second."""
_SHOWN = 5
"""How many experiments, and how many kinds of files, are shown."""


def default_url() -> str:
    """The address of the server that is probably meant."""
    return os.environ.get(URL_VARIABLE) or "http://127.0.0.1:8000"


_RULES = Rules(MappingConfig(name="any", directory=Path("/"), experiment="20000101-1"))
"""What a mapping selects that says nothing about it."""


class Server(NamedTuple):
    """A server that answers, and accepts the token."""

    client: Client
    url: str
    token_file: Path | None


def ask_until_good(
    question: str, default: str | None, given: str | None, use: Callable[[str], T]
) -> T:
    """Ask until an answer can be used; what the command line gave is tried first.

    Args:
        question: What is asked.
        default: For an empty answer; None: there is none.
        given: By the command line.
        use: Tries an answer, and raises an `AqsyncError` that says what is wrong with it.
    """
    answer = given
    while True:
        if answer is None:
            answer = str(click.prompt(question, default=default)).strip()
        try:
            return use(answer)
        except AqsyncError as exc:
            report_error(exc)
            answer = None


def ask_for_server(given: str | None, token_file: Path | None) -> Server:
    """Find a server that answers; if it wants a token, ask for that, and offer to store it."""
    token = read_token(token_file, os.environ)

    def use(url: str) -> Server:
        client = _answering(url, token)
        if client is not None:
            return Server(client, url, token_file)
        say("the server wants a token" if token is None else "the server refuses the token")
        return _with_new_token(url)

    return ask_until_good("The server's address", default_url(), given, use)


def _answering(url: str, token: str | None) -> Client | None:
    """A client of a server that answers; None if it refuses the token."""
    await_start(url)
    client = connected(Access(url, token, verify=True, timeout=30.0, stall_timeout=60.0))
    try:
        client.find(limit=1)
    except TokenRefused:
        client.close()
        return None
    except BaseException:
        client.close()
        raise
    return client


def _with_new_token(url: str) -> Server:
    while True:
        written = str(click.prompt("The token (it is not shown)", hide_input=True))
        try:
            token = checked_token(written, "the answer")
            client = _answering(url, token)
        except ConfigError as exc:
            report_error(exc)
            continue
        if client is not None:
            break
        say("the server refuses this token")
    place = token_place()
    again = ", in place of the one that is there" if place.exists() else ""
    if click.confirm(f"Store the token in {place}, readable for you alone{again}?", default=True):
        store_token(token, place)
        return Server(client, url, place)
    say("set it as AQSYNC_API_TOKEN wherever aqsync runs; it is stored nowhere")
    os.environ["AQSYNC_API_TOKEN"] = token  # for what this command still does
    return Server(client, url, None)


def directory_named(answer: str) -> Path:
    """Return the path of a directory that a person named.

    Raises:
        ConfigError: It is no path.
    """
    try:
        return written_path(answer, Path())
    except ValueError as exc:
        raise ConfigError(f"this is no directory: {exc}") from exc


def ask_for_directory(given: Path | None, check: Callable[[Path], None]) -> Path:
    """Find a directory that can be looked at, and that passes a check."""

    def use(answer: str) -> Path:
        root = directory_named(answer)
        root_identity(root)
        check(root)
        return root

    return ask_until_good(
        "The directory to upload", None, None if given is None else str(given), use
    )


def ask_for_experiment(client: Client, given: str | None) -> str:
    """Find the experiment, or make one; a template with names in braces is taken as it is."""
    if given is None:
        newest = client.find(limit=_SHOWN)[0]
        for each in newest:
            say(f"  {each.eid}  {printable(each.title)}")
    question = "The experiment's EID, or a title to make a new one; or new: one for each folder"
    return ask_until_good(question, None, given, lambda answer: _experiment(client, answer))


def _experiment(client: Client, answer: str) -> str:
    if brace_names(answer) or answer == NEW:
        return answer
    if EID.fullmatch(answer):
        found: ExperimentRef = client.experiment_by_eid(answer)
        say(f"  it is there: {printable(found.title)}")
        return found.eid
    if not click.confirm(f"Make a new experiment {answer!r}?", default=True):
        raise ExperimentNotFound("nothing was made", hint="type an EID, or another title")
    made = client.create_experiment(answer, "")
    say(f"  made {made.eid}")
    return made.eid


def ask_for_folders(given: str | None) -> str:
    """Ask which folders get an experiment each."""
    question = "Which folders? Names in braces take one part of a path"
    return ask_until_good(question, "{date}/{name}/**", given, _folders)


def _folders(answer: str) -> str:
    try:
        folder_pattern(answer, None)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    return answer


class Entries(NamedTuple):
    """The names of what lies below a directory, without their paths; the first 20,000."""

    folders: list[str]
    files: list[str]


def entries_below(root: Path) -> Entries:
    """Look through a directory."""
    found = Entries([], [])
    for _, folders, names in os.walk(root):
        found.folders.extend(folders)
        found.files.extend(names)
        if len(found.folders) + len(found.files) >= _MOST_LOOKED_AT:
            break
    return found


def ask_for_preset(entries: Entries) -> str | None:
    """Suggest the preset of the program that has written into the directory."""
    for name in recognised([*entries.folders, *entries.files]):
        software = presets()[name].software
        question = f"It looks like the data of {software}. Use the preset {name}?"
        if click.confirm(question, default=True):
            return name
    return None


def ask_for_patterns(entries: Entries, given: Sequence[str]) -> tuple[str, ...]:
    """Ask which files are meant, by what lies in the directory; empty means all."""
    if given:
        return tuple(map(check_pattern, given))
    kinds = kinds_of_files(entries.files)
    if len(kinds) < 2:  # noqa: PLR2004 - nothing to choose from
        return ()
    shown = ", ".join(f"{counted(n, f'{kind} file')}" for kind, n in kinds)
    say(f"  it holds {shown}")
    patterns = " ".join(f"**/*{kind}" for kind, _ in kinds if kind.startswith("."))

    def use(answer: str) -> tuple[str, ...]:
        if answer == "all":
            return ()
        try:
            return tuple(map(check_pattern, answer.split()))
        except ValueError as exc:
            raise ConfigError(str(exc)) from exc

    return ask_until_good(f"Which files: all, or patterns such as {patterns}", "all", None, use)


def kinds_of_files(names: Sequence[str]) -> list[tuple[str, int]]:
    """The most frequent endings of these files, with their numbers; junk is left out."""
    endings = Counter(Path(name).suffix for name in names if _RULES.selects(name))
    return [(ending or "other", n) for ending, n in endings.most_common(_SHOWN)]
