"""Why things are as they are, as values: every reason has a code that never changes.

A `Reason` is the kind. An `Explanation` is a reason in one case, with its message and hint filled
in. Programs compare reasons and read their codes in JSON; only people read messages and hints,
which may be worded better at any time. `docs/reference/reasons.md` is made from this list.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Self

from aqsync import errors
from aqsync.errors import AqsyncError

_COMPARE_OR_RETRY = (
    "compare the two; `aqsync push --overwrite PATH` replaces the one on the server,"
    " `aqsync retry PATH` compares them anew"
)
_RENAME_OR_OVERWRITE = (
    "compare the two; rename the local file, "
    "or let `aqsync push --overwrite PATH` replace the one on the server"
)
_PULL_OR_OVERWRITE = (
    "get the copy back with `aqsync pull`, or rename this file; "
    "`aqsync push --overwrite PATH` replaces the copy, which is lost by that"
)
_RUN_AGAIN_OR_LEAVE = (
    "`aqsync retry --actions` runs it again, with `--leave` it stays so and needs nobody any more"
)
_SENT_LATELY = "it was sent again a short time ago"
_CHECK_DISK = "check the disk or the network drive; it goes on by itself once that answers"
_ACCEPT_ROOT = (
    "mount the right disk, or accept the directory as it is with `aqsync retry --mapping {mapping}`"
)
_CREATE_OR_CORRECT = (
    "create it on the server, or correct `experiment` in the configuration;"
    " with a token: is this user allowed to see it?"
)
_OTHER_DISK = (
    "the disk mounted at {place} is not the one known before, and lacks files of it or holds"
    " other versions of them; none of them counts as deleted"
)
_SCANNED_MORE_OFTEN = "nothing need be done: the directory is looked at more often instead"


@dataclass(frozen=True, slots=True)
class Explanation:
    """A reason in one case."""

    reason: Reason
    message: str
    """What is so, for a person; without a final full stop."""
    hint: str = ""
    """What to do about it; empty where there is nothing to advise."""


class Explained:
    """Has an explanation, as `why`; this gives direct access to its parts."""

    __slots__ = ()
    why: Explanation

    @property
    def reason(self) -> Reason:
        """The kind of reason: this is what code compares."""
        return self.why.reason

    @property
    def message(self) -> str:
        """For a person; no code compares it."""
        return self.why.message

    @property
    def hint(self) -> str:
        """What to do about it, for a person."""
        return self.why.hint


@unique
class Reason(StrEnum):
    """Every reason: its code, its message and its hint.

    A code is never changed and never used for anything else: journals and other people's programs
    hold it. ``{...}`` is filled in; ``{said}`` and ``{advice}`` are words of the server, of the
    system or of an error.
    """

    template: str
    hint_template: str

    def __new__(cls, code: str, template: str, hint: str = "") -> Self:
        """A member is written as its code, the template of its message, and that of its hint."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.template = template
        member.hint_template = hint
        return member

    def explain(self, **values: object) -> Explanation:
        """This reason in one case.

        Args:
            values: What is filled into message and hint.
        """
        if not values:
            return Explanation(self, self.template, self.hint_template)
        return Explanation(
            self, self.template.format(**values), self.hint_template.format(**values)
        )

    # In sync

    ON_SERVER = "on-server", "on the server with this content"
    CLAIMED = (
        "claimed",
        "on the server with this content, as a manifest there says; it was not read",
        "`aqsync verify --deep` reads it",
    )
    ACCEPTED = "accepted", "accepted by the server, not listed since"
    CLAIMED_TO_COMPARE = (
        "claimed-to-compare",
        "what is on the server is ours as a manifest there says; compared before that counts",
    )
    RECHECK_AT = "recheck-at", "{now}; checked again in {pause}"
    RECHECK_AFTER = "recheck-after", "{now}; checked again when this is over: {obstacle}"
    RECHECK_DUE = "recheck-due", "{now}; to be checked again"
    DAMAGED_AS_SENT = (
        "damaged-as-sent",
        "{now}; SQLite found it damaged here when it was sent: {said}",
        "repair it with the program that writes it; then it is sent again",
    )
    GONE_BEFORE_UPLOAD = "gone-before-upload", "gone before it was uploaded"
    DELETED_ON_BOTH_SIDES = "deleted-on-both-sides", "deleted here and on the server"
    DELETED_COPY_KEPT = "deleted-copy-kept", "deleted here; the copy on the server is kept"
    DELETED_PROVISIONAL = (
        "deleted-provisional",
        "deleted here before it was sent whole; the provisional version on the server is kept",
    )
    DELETED_COPY_CHANGED = (
        "deleted-copy-changed",
        "deleted here; others have changed the copy on the server: kept",
    )

    FREED = "freed", "freed here by a person; the copy on the server is the only one"

    # To be uploaded, compared or removed

    NEW = "new", "not on the server yet"
    FREED_TO_COMPARE = "freed-to-compare", "freed here before; compared with the copy on the server"
    CHANGED = "changed", "changed since its upload"
    PROVISIONAL_DUE = "provisional-due", "keeps growing; a provisional version goes now"
    BEGINNING_DUE = (
        "beginning-due",
        "keeps changing; its beginning is read, and a version goes later if it only grows",
    )
    BEGINNING_ON_SERVER = "beginning-on-server", "the server has only the beginning of it"
    OVERWRITE_ALLOWED = (
        "overwrite-allowed",
        "to replace the version on the server, as allowed",
    )
    FORCED = "forced", "to be sent again though removed on the server"
    BACK_AFTER_REMOVAL = "back-after-removal", "it is back, and was removed meanwhile"
    OLDER_ON_SERVER = "older-on-server", "the server has an older version of it", _SENT_LATELY
    OLDER_ON_SERVER_AGAIN = (
        "older-on-server-again",
        "the server has an older version of this file again",
        _SENT_LATELY,
    )
    LOST_BY_SERVER = "lost-by-server", "the server accepted it and lost it", _SENT_LATELY
    NAME_ON_SERVER = "name-on-server", "a file of this name is on the server already"
    OTHER_VERSION_LISTED = (
        "other-version-listed",
        "the server lists a version that may not be the one we sent",
    )
    LEFTOVER = (
        "leftover",
        "an earlier release sent this part of a database; its copy is to be removed",
    )
    DELETED_HERE = "deleted-here", "deleted here"

    # Waiting

    LIST_NOT_FETCHED = "list-not-fetched", "the server's file list has not been fetched yet"
    LIST_NOT_FETCHED_SINCE = (
        "list-not-fetched-since",
        "the server's file list has not been fetched since",
    )
    SETTLING = "settling", "may still be changing"
    KEEPS_CHANGING = (
        "keeps-changing",
        "keeps changing before it can be sent; it must stand still for {settle}",
        "if it only grows, name it in `match` of `growing`; if it is not wanted, `ignore` it",
    )
    GROWS = "grows", "keeps growing; {when}"
    CHANGES_IN_PLACE = (
        "changes-in-place",
        "keeps changing, and not only by growing; nothing of it is sent until it has stood still",
    )
    LARGE_AGAIN = (
        "large-again",
        "large, and sent not long ago; {when}, or when it has stood still for {every}",
        "`aqsync push PATH` sends it now",
    )
    BEING_WRITTEN = (
        "being-written",
        "its writer has not closed it, as its format ({format}) shows",
        "it is sent after {give_up} without a change, and by `aqsync retry PATH` at once",
    )
    GONE_JUST_NOW = "gone-just-now", "gone only just now"
    PERHAPS_RENAMED = (
        "perhaps-renamed",
        "perhaps renamed to {place}, which is not on the server yet{failure}",
        "`aqsync why` tells what keeps that; `aqsync retry PATH` removes this copy all the same",
    )
    ACTION_MISSING = (
        "action-missing",
        "{name} cannot be run: the server has no {missing}; it has {known}",
        "install the extension on the server, or correct `actions` in the configuration",
    )
    ACTION_PARAMETERS = (
        "action-parameters",
        "{name} cannot be run: {said}",
        "correct its parameters; `aqsync extensions show NAME` tells what it takes",
    )
    ACTION_WITHOUT_EXPERIMENT = (
        "action-without-experiment",
        "{name} cannot be run: it has no parameter of type experiment",
        "its manifest on the server needs one",
    )
    ACTION_SEVERAL_EXPERIMENTS = (
        "action-several-experiments",
        "{name} cannot be run on {folder}, whose files lie in several experiments",
        "let the measurement's folder decide the experiment, or leave the action out",
    )
    ACTION_NOT_RUN = (
        "action-not-run",
        "the server took {name} for {folder} and did not run it{said}",
        (
            "see why on the server (an archived Aqueduct that asks for no token runs none); then"
            " `aqsync retry --actions` runs it, and what waits for it"
        ),
    )
    ACTION_FAILED = (
        "action-failed",
        "the action {name} has failed{code} on {folder}{said}",
        f"`aqsync why FOLDER` shows what it said; {_RUN_AGAIN_OR_LEAVE}",
    )
    ACTION_CANCELLED = (
        "action-cancelled",
        "the action {name} was cancelled on {folder}{said}",
        _RUN_AGAIN_OR_LEAVE,
    )
    ACTION_REFUSED = (
        "action-refused",
        "the server did not begin {name} on {folder}{said}",
        "correct what it says; then `aqsync retry --actions` asks for it again",
    )
    ACTION_UNKNOWN = (
        "action-unknown",
        "nobody can tell whether {name} has run on {folder}{said}",
        f"see on the server what it has done; {_RUN_AGAIN_OR_LEAVE}",
    )
    MEASUREMENT_COMPLETE = "measurement-complete", "complete: {met}"
    MEASUREMENT_CHANGING = (
        "measurement-changing",
        "its measurement {folder} is still being taken: something in it has just changed",
    )
    MEASUREMENT_INCOMPLETE = (
        "measurement-incomplete",
        "its measurement {folder} is still being taken: {missing}",
        "if it never becomes complete, `aqsync retry PATH` sends what is there",
    )
    MEASUREMENT_UNREADABLE = (
        "measurement-unreadable",
        "its measurement {folder} cannot be looked at as a whole: {said}",
        "{advice}",
    )
    MEASUREMENT_LAST = (
        "measurement-last",
        "sent after {others} of its measurement not on the server yet, such as {path}{failure}",
        "`aqsync why` tells what keeps that; `aqsync retry PATH` sends this one all the same",
    )
    PAUSED = "paused", "paused by a person", "`{command}` ends the pause"
    OUTSIDE_WINDOWS = (
        "outside-windows",
        "outside the transfer windows ({windows})",
        "`aqsync push --now` does not wait for them",
    )

    # Held

    CONFLICT_NAME_TAKEN = (
        "conflict-name-taken",
        "conflict: another file of this name was on the server first",
        _RENAME_OR_OVERWRITE,
    )
    CONFLICT_BOTH_CHANGED = (
        "conflict-both-changed",
        "conflict: changed here, and by others on the server since our upload",
        _RENAME_OR_OVERWRITE,
    )
    CONFLICT_FREED = (
        "conflict-freed",
        "conflict: a file of this name was freed here, so the copy on the server is the only one",
        _PULL_OR_OVERWRITE,
    )
    FREED_GONE = (
        "freed-gone",
        "freed here, and removed on the server since: no copy is known",
        "put it back from the trash or a backup; `aqsync retry PATH` forgets the file",
    )
    FREED_REPLACED = (
        "freed-replaced",
        "freed here, and other content is under its name on the server",
        "find out who replaced it; `aqsync retry PATH` forgets the file",
    )
    DIFFERS = "differs", "it is not a version that was sent from here", _COMPARE_OR_RETRY
    OLDER_PUT_BACK = (
        "older-put-back",
        "an older version of this file is put back there each time",
        _COMPARE_OR_RETRY,
    )
    EMPTIED = (
        "emptied",
        "the file is empty now; the good copy on the server stays",
        "restore the file, or send it as it is with `aqsync retry PATH`",
    )
    REMOVED_ON_SERVER = (
        "removed-on-server",
        "removed on the server",
        "`aqsync retry PATH` sends it again",
    )
    NEVER_KEPT = (
        "never-kept",
        "the server accepts it, and then does not have it",
        "ask who runs the server: is its disk full or failing? `aqsync retry PATH` sends it again",
    )
    TOO_MANY_GONE = (
        "too-many-gone",
        "{gone} of {known} files are gone at once, more than remove_share allows ({share})",
        "nothing was removed from the server; if they are meant: `aqsync retry PATH`",
    )
    TOO_LARGE = (
        "too-large",
        "too large for experiment {eid}: {size} bytes, and the server takes {limit}",
        "{advice}`aqsync retry PATH` tries again",
    )
    UNMAPPED = (
        "unmapped",
        "no pattern leads this path to an experiment",
        "move the file, or widen the mapping's `path` pattern",
    )
    SYMBOLIC_LINK = (
        "symbolic-link",
        "symbolic link, not followed",
        "map the directory that it points to, or put the file itself here",
    )
    DATABASE_PART = (
        "database-part",
        "part of the database {name}: it is sent with it, never by itself",
    )
    SENTINEL_LEFT_OUT = (
        "sentinel-left-out",
        "it says that its measurement is complete, and `include` or `ignore` leave it out",
    )
    DATABASE_IGNORED = "database-ignored", "a database: left out by `databases: ignore`"
    SPECIAL_FILE = "special-file", "FIFO, socket or device, never opened"
    FILE_OF_OTHERS = (
        "file-of-others",
        "it belongs to a user whom `require_owner` does not name, so it is not read",
        "it may be a hard link to a file elsewhere; if not, name its owner in `require_owner`",
    )

    # Experiments, and what the server does not allow

    NO_EXPERIMENT = (
        "no-experiment",
        "the server knows no experiment {eid}",
        _CREATE_OR_CORRECT,
    )
    EXPERIMENT_GONE = (
        "experiment-gone",
        "the server no longer knows experiment {eid}",
        "{advice}",
    )
    NEW_EXPERIMENT = (
        "new-experiment",
        "not on the server yet; its folder gets an experiment of its own first",
    )
    EXPERIMENT_ASKED_FOR = (
        "experiment-asked-for",
        "the server was asked to make its experiment, and its answer was lost",
        "nothing need be done: it is looked for, and asked for again if it has not come",
    )
    EXPERIMENT_NOT_MADE = (
        "experiment-not-made",
        "the server did not make the experiment of {folder}: {said}",
        "{advice}",
    )
    EXPERIMENT_REMOVED = (
        "experiment-removed",
        "the experiment {eid} that was made for its folder has been removed on the server",
        "it is not made again by itself; `aqsync retry PATH`, of the folder, makes a new one",
    )
    LIST_NOT_ALLOWED = "list-not-allowed", "{said}", "{advice}"
    NOT_ALLOWED = (
        "not-allowed",
        "the server allows no {what} {whose}; last: {said}",
        "ask the server's administrator for access; one file tries it now and then",
    )
    TAG_FAILED = "tag-failed", "tag {tag!r}: {said}", "{advice}"

    # The server

    SERVER_UNREACHABLE = "server-unreachable", "{said}", "{advice}"
    SERVER_FAILED = "server-failed", "{said}", "{advice}"
    SERVER_ASKS_FOR_PAUSE = (
        "server-asks-for-pause",
        "{said}; it asks to be left alone for {pause}",
        "{advice}",
    )
    TOKEN_REFUSED = "token-refused", "{said}", "{advice}"
    FORBIDDEN = "forbidden", "{said}", "{advice}"
    FILE_FORBIDDEN = (
        "file-forbidden",
        "{said}",
        "{advice}; then `aqsync retry PATH` tries it again",
    )
    HEADER_DROPPED = "header-dropped", "{said}", "{advice}"
    BAD_ANSWER = "bad-answer", "{said}", "{advice}"
    OPERATION_REFUSED = "operation-refused", "{said}", "{advice}"
    FILE_REFUSED = "file-refused", "{said}", "{advice}"
    REMOTE_CHANGED = "remote-changed", "{said}", "{advice}"
    REMOTE_FILE_MISSING = "remote-file-missing", "{said}", "{advice}"
    REMOTE_FILE_VANISHED = (
        "remote-file-vanished",
        "{name} vanished from the server while it was compared",
        "{advice}",
    )
    NAME_NOT_SENDABLE = "name-not-sendable", "{said}", "{advice}"
    REMOTE_ERROR = "remote-error", "{said}", "{advice}"

    # This disk

    FILE_UNREADABLE = "file-unreadable", "{said}", "{advice}"
    FILE_CHANGED = "file-changed", "{said}", "{advice}"
    FILE_VANISHED = "file-vanished", "{said}", "{advice}"
    PLACE_UNREADABLE = "place-unreadable", "{place} cannot be looked at: {said}", "{advice}"
    ROOT_UNUSABLE = "root-unusable", "{said}", "{advice}"
    ROOT_BEHIND_LINK = "root-behind-link", "{said}", "{advice}"
    ROOT_IN_DOUBT = (
        "root-in-doubt",
        "the directory {root} {doubt}; none of them counts as deleted, and nothing is sent",
        _ACCEPT_ROOT,
    )
    ROOT_REPLACED = (
        "root-replaced",
        "the directory {root} was replaced or unmounted while it was looked at",
        "it is looked at again on the next run",
    )
    DISK_AWAY = (
        "disk-away",
        "the disk that was mounted at {place} is not there; none of its files counts as deleted",
        _ACCEPT_ROOT,
    )
    DISK_REPLACED = (
        "disk-replaced",
        _OTHER_DISK,
        _ACCEPT_ROOT,
    )
    DISK_EMPTY = (
        "disk-empty",
        "the disk mounted at {place} is empty; none of the files known on it counts as deleted",
        _ACCEPT_ROOT,
    )
    DISK_COVERED = (
        "disk-covered",
        "a disk is mounted over {place} now; none of the files known there counts as deleted",
        _ACCEPT_ROOT,
    )
    DISK_HANGS = "disk-hangs", "{place} does not answer: its file system hangs", _CHECK_DISK
    MAPPING_HANGS = (
        "mapping-hangs",
        "the file system of this mapping does not answer",
        _CHECK_DISK,
    )
    READING_HANGS = (
        "reading-hangs",
        "its file system does not answer: reading it hangs",
        _CHECK_DISK,
    )
    DATABASE_BUSY = "database-busy", "{said}", "{advice}"
    NO_ROOM_FOR_SNAPSHOT = "no-room-for-snapshot", "{said}", "{advice}"
    SHARED_TRANSACTION = "shared-transaction", "{said}", "{advice}"
    DATABASE_DAMAGED = "database-damaged", "{said}", "{advice}"
    LOCAL_ERROR = "local-error", "{said}", "{advice}"

    IN_VAIN = (
        "in-vain",
        "each time its turn comes it has changed, and no look at it or at the server shows how",
        "while nobody writes to it, `stat PATH` must say the same each time: see how it is mounted",
    )

    # Events cannot be trusted

    NOT_WATCHED = "not-watched", "{said}", "{advice}"
    WATCHES_MISSING = (
        "watches-missing",
        "{said}",
        "{advice}",
    )
    NO_EVENTS_THERE = (
        "no-events-there",
        "{root} is on {kind}, where changes by other machines make no events",
        _SCANNED_MORE_OFTEN,
    )
    TEST_EVENT_LOST = (
        "test-event-lost",
        "a test event of {root} did not arrive",
        _SCANNED_MORE_OFTEN,
    )

    # A path that is not in the journal

    NEVER_SEEN = "never-seen", "there is no such file, and none was ever seen", "check the path"
    NOT_SEEN_BY_SCAN = "not-seen-by-scan", "it was not seen by the scan"
    NOT_SELECTED = "not-selected", "{said}"

    # Anything else

    INTERNAL_ERROR = "internal-error", "internal error: {error}", "please report it"
    ERROR = "error", "{said}", "{advice}"
    EARLIER = "earlier", "{said}", "{advice}"
    """Written down by a release that knew no codes, or by one that knew other ones."""


_OF_ERRORS: dict[type[AqsyncError], Reason] = {
    errors.AqsyncError: Reason.ERROR,
    errors.LocalError: Reason.LOCAL_ERROR,
    errors.RootUnusable: Reason.ROOT_UNUSABLE,
    errors.RootBehindLink: Reason.ROOT_BEHIND_LINK,
    errors.DiskHangs: Reason.DISK_HANGS,
    errors.RootInDoubt: Reason.ROOT_IN_DOUBT,
    errors.FileUnreadable: Reason.FILE_UNREADABLE,
    errors.FileVanished: Reason.FILE_VANISHED,
    errors.FileChanged: Reason.FILE_CHANGED,
    errors.DatabaseBusy: Reason.DATABASE_BUSY,
    errors.NoRoomForSnapshot: Reason.NO_ROOM_FOR_SNAPSHOT,
    errors.SharedTransaction: Reason.SHARED_TRANSACTION,
    errors.DatabaseDamaged: Reason.DATABASE_DAMAGED,
    errors.EventsUnavailable: Reason.NOT_WATCHED,
    errors.RemoteError: Reason.REMOTE_ERROR,
    errors.ServerUnreachable: Reason.SERVER_UNREACHABLE,
    errors.AccessDenied: Reason.FORBIDDEN,
    errors.TokenRefused: Reason.TOKEN_REFUSED,
    errors.FileForbidden: Reason.FILE_FORBIDDEN,
    errors.ServerFailed: Reason.SERVER_FAILED,
    errors.BadAnswer: Reason.BAD_ANSWER,
    errors.OperationFailed: Reason.OPERATION_REFUSED,
    errors.ExperimentNotFound: Reason.NO_EXPERIMENT,
    errors.TransferRefused: Reason.FILE_REFUSED,
    errors.RemoteChanged: Reason.REMOTE_CHANGED,
    errors.HeaderDropped: Reason.HEADER_DROPPED,
    errors.RemoteFileNotFound: Reason.REMOTE_FILE_MISSING,
    errors.NameNotSendable: Reason.NAME_NOT_SENDABLE,
}
"""The reasons that are errors; a class that is not in it has the reason of the one above it."""


def explain_error(exc: AqsyncError) -> Explanation:
    """An error's message and hint, with the reason of its class."""
    reason = next(_OF_ERRORS[kind] for kind in type(exc).__mro__ if kind in _OF_ERRORS)
    return Explanation(reason, exc.message, exc.hint)


def explanation_of(code: str | None, message: str, hint: str) -> Explanation:
    """An explanation that was written down.

    Args:
        code: A reason's; one that is missing or unknown gives `Reason.EARLIER`.
        message: As it was.
        hint: As it was.
    """
    return Explanation(reason_of(code), message, hint)


def reason_of(code: str | None) -> Reason:
    """The reason with a code that was written down; `Reason.EARLIER` if there is none."""
    return _BY_CODE.get(code or "", Reason.EARLIER)


_BY_CODE = {reason.value: reason for reason in Reason}
