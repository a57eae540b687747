"""``aqsync serve token``: who may do what on an embedded server."""

from __future__ import annotations

import os
import stat
import sys
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import click

from aqsync.cli.options import json_option
from aqsync.cli.output import complain, say, say_json
from aqsync.cli.serving.opened_tokens import OpenedTokens, opened_tokens
from aqsync.cli.serving.storage_options import needed, storage_options
from aqsync.cli.tables import say_table
from aqsync.config import parse_duration
from aqsync.errors import ExitCode, ServeFailed
from aqsync.local_time import local_text
from aqsync.wording import counted

if TYPE_CHECKING:
    from aqsync.server.rights.tokens import Token
    from aqsync.server.settings import StorageSettings

_SCOPES = ("read", "upload", "write", "admin")
_HEADINGS = ("name", "owner", "scope", "bound to", "made", "ends", "last used")


class _End(click.ParamType[datetime, str]):
    """When a token ends: a day, whose end counts, or for how long it counts."""

    name = "end"

    def convert(
        self, value: str | datetime, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            return datetime.now(UTC) + timedelta(seconds=parse_duration(value))
        except (ValueError, OverflowError):
            pass
        try:
            day = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no end; write it like 2027-01-31 or 90d", param, ctx)
        if day.time() == time.min and len(value) == len("2027-01-31"):
            day = datetime.combine(day.date(), time.max)
        return day.astimezone(UTC)


@click.group(epilog="Example: aqsync serve token list --data ~/aqueduct-data")
def token() -> None:
    """Make, list and revoke the tokens of an embedded server, also while it runs."""


@token.command(epilog="Example: aqsync serve token create pc1 --owner sem --scope upload --data d")
@click.argument("name")
@storage_options
@click.option("--owner", required=True, help="Whose it is: what is done with it bears this name.")
@click.option(
    "--scope",
    type=click.Choice(_SCOPES),
    required=True,
    help="How much it may do; each includes those before it.",
)
@click.option(
    "--experiment",
    "experiments",
    multiple=True,
    help="An EID or UUID: only such experiments exist for it; may be repeated.",
)
@click.option(
    "--prefix",
    "prefixes",
    multiple=True,
    help="Only files whose names begin so exist for it; may be repeated.",
)
@click.option("--ends", type=_End(), help="Its last day, such as 2027-01-31, or 90d.")
@json_option
def create(
    *,
    storage: StorageSettings | None,
    name: str,
    owner: str,
    scope: str,
    experiments: tuple[str, ...],
    prefixes: tuple[str, ...],
    ends: datetime | None,
    json: bool,
) -> ExitCode:
    """Make a token and print it, once.

    The server keeps only its SHA-256. A running server knows it at once, and asks for a token
    from its first one on.
    """
    where = needed(storage)
    is_new = where.database is None and where.data is not None and not where.data.exists()
    with opened_tokens(where, may_be_new=True) as opened:
        from aqsync.server.rights.who import Scope, Who  # noqa: PLC0415 - an optional extra

        bound = frozenset(_uuid(opened, one) for one in experiments) if experiments else None
        who = Who(name, owner, Scope[scope.upper()], bound, prefixes)
        made, secret = opened.tokens.create(who, ends)
    if is_new:
        complain(f"{where.data} is new: a server that runs with another --data knows no such token")
    if json:
        say_json({**_facts(made), "secret": secret})
        return ExitCode.OK
    say(secret)
    complain(f"made the token {name} of {owner}, with the scope {scope}; it cannot be shown again")
    if _others_may_read_the_output():
        complain("warning: other users of this machine may read the file that it was written to")
        complain(
            "  hint: remove the file, revoke the token, and make another one after `umask 077`"
        )
    return ExitCode.OK


@token.command(name="list", epilog="Example: aqsync serve token list --data ~/aqueduct-data")
@storage_options
@click.option("--all", "also_past", is_flag=True, help="Also those that count no more.")
@json_option
def list_(*, storage: StorageSettings | None, also_past: bool, json: bool) -> ExitCode:
    """List the tokens, without their secrets."""
    with opened_tokens(needed(storage), may_be_new=False) as opened:
        found = opened.tokens.all()
    now = datetime.now(UTC)
    shown = [each for each in found if also_past or each.counts(now)]
    if json:
        say_json([_facts(each) for each in shown])
        return ExitCode.OK
    say_table(_HEADINGS, map(_row, shown))
    if left_out := len(found) - len(shown):
        complain(f"{left_out} more that count no more; --all lists them")
    elif not found:
        complain("there are no tokens")
    return ExitCode.OK


@token.command(epilog="Example: aqsync serve token revoke sem-pc --data ~/aqueduct-data")
@click.argument("name")
@storage_options
def revoke(*, storage: StorageSettings | None, name: str) -> ExitCode:
    """Revoke a token, by its name or UUID; a running server refuses it within seconds."""
    with opened_tokens(needed(storage), may_be_new=False) as opened:
        revoked = opened.tokens.revoke(name)
    say(f"revoked {revoked.who.name} of {revoked.who.owner}")
    return ExitCode.OK


@token.command(
    name="hand-over", epilog="Example: aqsync serve token hand-over 20261123-1 --to sem --data d"
)
@click.argument("experiments", metavar="EID...", nargs=-1, required=True)
@storage_options
@click.option("--to", "owner", required=True, help="An owner of tokens.")
@click.option(
    "--prefix", "prefixes", multiple=True, help="Only files whose names begin so; may be repeated."
)
def hand_over(
    *,
    storage: StorageSettings | None,
    experiments: tuple[str, ...],
    owner: str,
    prefixes: tuple[str, ...],
) -> ExitCode:
    """Give an owner the files of experiments that belong to nobody known.

    Those are what came with the token of --token-file, without a token, or with an earlier
    release. Tokens of this owner may replace and remove them afterwards.
    """
    storage = needed(storage)
    with opened_tokens(storage, may_be_new=False) as opened:
        from aqsync.server.files import handing_over  # noqa: PLC0415 - an optional extra

        if owner not in {each.who.owner for each in opened.tokens.all()}:
            raise ServeFailed(f"no token has the owner {owner!r}", hint="make the token first")
        for named in experiments:
            uuid = _uuid(opened, named)
            count = handing_over.hand_over(
                *(storage, opened.database, uuid, owner),
                lambda name: not prefixes or name.startswith(prefixes),
            )
            say(f"{named}: {counted(count, 'file')} of {owner} now")
    return ExitCode.OK


def _uuid(opened: OpenedTokens, named: str) -> UUID:
    from aqsync.server.errors import OperationRefused  # noqa: PLC0415 - an optional extra

    try:
        uuid: UUID | None = UUID(named)
    except ValueError:
        uuid = None
    try:
        found = opened.catalog.by_eid(named) if uuid is None else opened.catalog.by_uuid(uuid)
    except OperationRefused as exc:
        raise ServeFailed(
            f"there is no experiment {named} on this server",
            hint="name an EID, such as 20261123-1, or a UUID",
        ) from exc
    return found.uuid


def _others_may_read_the_output() -> bool:
    try:
        mode = os.fstat(sys.stdout.fileno()).st_mode
    except (OSError, ValueError):  # no file at all
        return False
    return stat.S_ISREG(mode) and bool(mode & (stat.S_IRGRP | stat.S_IROTH))


def _facts(token: Token) -> dict[str, object]:
    who = token.who
    return {
        "uuid": str(token.uuid),
        "name": who.name,
        "owner": who.owner,
        "scope": who.scope.word,
        "experiments": None if who.experiments is None else sorted(map(str, who.experiments)),
        "prefixes": list(who.prefixes),
        "created_at": token.created_at.isoformat(),
        "ends_at": _iso(token.ends_at),
        "revoked_at": _iso(token.revoked_at),
        "used_on": token.used_on,
    }


def _row(token: Token) -> tuple[str, ...]:
    who = token.who
    bound = [] if who.experiments is None else [f"{len(who.experiments)} experiment(s)"]
    bound += [f"{prefix}*" for prefix in who.prefixes]
    ends = "never" if token.ends_at is None else _day(token.ends_at)
    if token.revoked_at is not None:
        ends = f"revoked {_day(token.revoked_at)}"
    return (
        *(who.name, who.owner, who.scope.word, ", ".join(bound) or "nothing"),
        *(_day(token.created_at), ends, token.used_on or "never"),
    )


def _day(when: datetime) -> str:
    return local_text(when)[: len("2027-01-31")]


def _iso(when: datetime | None) -> str | None:
    return None if when is None else when.isoformat()
