"""All checks in their order, and how they are gone through."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from aqsync.errors import AqsyncError
from aqsync.service.doctor.disk_checks import (
    look_at_file_systems,
    look_at_permissions,
    look_at_room,
    look_at_watches,
)
from aqsync.service.doctor.findings import Check, Finding, Result, fault, faults_of, skipped
from aqsync.service.doctor.journal_checks import look_at_journal
from aqsync.service.doctor.server_checks import (
    look_at_access,
    look_at_clock,
    look_at_experiments,
    look_at_header,
    look_at_rights,
    look_at_server,
)
from aqsync.service.doctor.service_checks import look_at_service
from aqsync.service.doctor.setup_checks import (
    look_at_config,
    look_at_daemon,
    look_at_messages,
    look_at_token,
    look_at_versions,
)
from aqsync.service.doctor.subject import CannotLook, Subject

CHECKS = (
    Check(
        "config",
        "the configuration: found, nobody else could have written it, valid",
        "correct the configuration; `aqsync init` writes a new one",
        look_at_config,
    ),
    Check(
        "token",
        "the token: it can be read, by this user alone, and travels by TLS",
        "write the token and nothing else into a file of mode 600, and name it as"
        " server.token_file",
        look_at_token,
    ),
    Check(
        "server",
        "an Aqueduct server answers at server.url",
        "see that the server runs, and that server.url is its address",
        look_at_server,
    ),
    Check(
        "access",
        "the server accepts the token, or asks for none",
        "ask the server's administrator for a token",
        look_at_access,
    ),
    Check(
        "rights",
        "the token may upload, and no more; only the embedded server tells that",
        "give this PC a token of its own with the scope `upload`",
        look_at_rights,
    ),
    Check(
        "file-name-header",
        "no proxy on the way drops the header `file_name`, without which no upload arrives",
        "let the proxy pass headers with underscores (nginx: `underscores_in_headers on`)",
        look_at_header,
    ),
    Check(
        "clock",
        "the server's clock and this machine's: 5 s apart are a warning, 60 s a fault",
        "let both machines take their time from the network: `timedatectl set-ntp true`",
        look_at_clock,
    ),
    Check(
        "experiments",
        "the experiments that mappings name are on the server",
        "create it on the server, or correct `experiment` in the configuration",
        look_at_experiments,
    ),
    Check(
        "journal",
        "the journal: every check of its content, or whether it can be made",
        "stop the daemon, and run `aqsync push`: a damaged journal is set aside and rebuilt",
        look_at_journal,
    ),
    Check(
        "disk",
        "free room: on the journal's disk under 1 GiB is a warning and under 100 MiB a fault;"
        " on a mapping's, under 1 GiB is a warning",
        "free some space",
        look_at_room,
    ),
    Check(
        "file-system",
        "kinds of file systems: the journal's is local and lasts, a mapping's may be any",
        "name a file on a local disk as `journal` in the configuration",
        look_at_file_systems,
    ),
    Check(
        "permissions",
        "the user of the service may read each root and all in it that is not ignored"
        " (the first million entries)",
        "let the user that aqsync runs as read and enter it, or ignore it",
        look_at_permissions,
    ),
    Check(
        "watches",
        "the system's limits of inotify are enough: a watch for each directory, an instance for"
        " each mapping",
        "raise fs.inotify.max_user_watches or fs.inotify.max_user_instances",
        look_at_watches,
    ),
    Check(
        "service",
        "the service of systemd: it runs, starts by itself, sees every root, and works by this"
        " configuration",
        "see what it said: `aqsync service status`",
        look_at_service,
    ),
    Check(
        "daemon",
        "the daemon of this journal, if one runs, answers",
        "restart the daemon",
        look_at_daemon,
    ),
    Check(
        "messages",
        "people can be told when something needs them, and no other user reads where",
        "see what comes of `aqsync notify test`",
        look_at_messages,
    ),
    Check(
        "versions",
        "the releases at work; daemon and commands are of the same",
        "restart the daemon",
        look_at_versions,
    ),
)
"""What is in the way of others comes first."""


def examine(subject: Subject, only: Collection[str] = ()) -> Iterator[Finding]:
    """Make the checks; an error in one does not keep the others from being made.

    Args:
        subject: What is examined.
        only: The codes of the checks; none: all.
    """
    for check in CHECKS:
        if not only or check.code in only:
            for result in _looked(check, subject):
                yield Finding.of(check, result)


def _looked(check: Check, subject: Subject) -> Iterator[Result]:
    try:
        yield from check.look(subject)
    except CannotLook as exc:
        yield skipped(str(exc))
    except AqsyncError as exc:
        yield from faults_of(exc)
    except OSError as exc:
        where = "" if exc.filename is None else f"{exc.filename}: "
        yield fault(f"{where}{exc.strerror or exc}")
    except Exception as exc:  # noqa: BLE001 - a doctor who falls ill still names the illness
        yield fault(
            f"this check itself has failed ({type(exc).__name__}: {exc})",
            "please report it, with what `aqsync doctor --json` prints",
        )
