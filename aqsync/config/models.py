"""What a configuration holds. All models are frozen and strict, and refuse unknown keys.

Each field's description is what an error message says was expected.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, TypeVar
from urllib.parse import urlsplit

import platformdirs
from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from aqsync.config import made, patterns
from aqsync.config.actions import EXPECTED as ACTIONS_EXPECTED
from aqsync.config.actions import ActionConfig
from aqsync.config.fleet import FleetConfig
from aqsync.config.growing import EXPECTED, GrowingConfig, GrowingOrOff
from aqsync.config.junk import DEFAULT_IGNORE
from aqsync.config.measurement import EXPECTED as MEASUREMENT_EXPECTED
from aqsync.config.measurement import MeasurementOrOff
from aqsync.config.metadata import EXPECTED as METADATA_EXPECTED
from aqsync.config.metadata import Metadata
from aqsync.config.metrics import MetricsConfig
from aqsync.config.notify import HeartbeatConfig, NotifyConfig
from aqsync.config.section import (
    A_DURATION,
    SOME_PATTERNS,
    Duration,
    LocalPath,
    Patterns,
    Section,
    TimeLimit,
)
from aqsync.config.status import StatusConfig
from aqsync.config.timing import Schedule, Transfer
from aqsync.config.token import read_token
from aqsync.config.units import parse_share
from aqsync.model import SECOND_NS, Databases, OnLocalDelete

T = TypeVar("T")

DEFAULT_SETTLE = 5.0
DEFAULT_REMOVE_SHARE = 0.5
DEFAULT_GIVE_UP = 3600.0

MAX_TAG_LENGTH = 64
_TAG = re.compile(r"[A-Za-z0-9_:/-]+")
_API_PATH = "/api/graphql"
_MAPPING_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_MAX_PREFIX_BYTES = 64


def _share(value: object) -> object:
    return parse_share(value) if isinstance(value, str) else value


Share = Annotated[float, BeforeValidator(_share), Field(ge=0, le=1, allow_inf_nan=False)]


class ServerConfig(Section):
    """The Aqueduct server."""

    url: str = Field(description="the server's address, such as http://127.0.0.1:8000")
    """Without a slash at the end."""
    token_file: LocalPath | None = Field(
        default=None, description="the path of a file that holds the token and nothing else"
    )
    ca_file: LocalPath | None = Field(
        default=None, description="the path of a file with the certificates to trust, or null"
    )
    timeout: TimeLimit = Field(default=30.0, description=A_DURATION + ", over 0, at most 1d")
    """Seconds to connect, and to wait for a small answer."""
    stall_timeout: TimeLimit = Field(default=60.0, description=A_DURATION + ", over 0, at most 1d")
    """Seconds without any progress after which a transfer is given up."""

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: str) -> str:
        shown = "this" if "@" in url else repr(url)  # there may be a password in it
        try:
            parts = urlsplit(url)
            parts.port  # noqa: B018 - reading it is what checks it
        except ValueError as error:
            raise ValueError(f"{shown} is not an address") from error
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"{shown} does not begin with http:// or https:// and a host")
        if "@" in url:  # also behind a "/": a password may hold one
            raise ValueError("the address holds a user or password; a token goes into token_file")
        if parts.query or parts.fragment or not url.isprintable() or " " in url:
            raise ValueError(f"{shown} holds more than host, port and path")
        if (bare := url.rstrip("/")).endswith(_API_PATH):
            meant = bare.removesuffix(_API_PATH)
            raise ValueError(f"{url!r} ends with {_API_PATH}, which is added: write {meant}")
        return bare


class TagRule(Section):
    """Tags for the files whose path matches, or for experiments that make themselves."""

    match: str = Field(default="", description='a pattern such as "{qubit}/t1_*.csv"')
    """Empty: the tags are those of an experiment that its folder gets by itself."""
    add: tuple[str, ...] = Field(
        min_length=1,
        description='a list of tags such as ["qubit:{qubit}"], each 1 to 64 of A-Z a-z 0-9 - _ : /,'
        " names in braces taken from match",
    )

    @model_validator(mode="before")
    @classmethod
    def _read_tag(cls, value: object) -> object:
        return {"add": (value,)} if isinstance(value, str) else value

    @field_validator("match")
    @classmethod
    def _check_match(cls, match: str) -> str:
        patterns.compile_path_pattern(match)
        return match

    @field_validator("add")
    @classmethod
    def _check_add(cls, add: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        for tag in add:
            names = patterns.brace_names(tag)
            literal = patterns.literal_parts(tag)
            if (literal or not names) and not _TAG.fullmatch(literal):
                raise ValueError(f"the server would refuse the tag {tag!r}")
            if len(literal) + bool(names) > MAX_TAG_LENGTH:
                raise ValueError(f"the tag {tag!r} has more than {MAX_TAG_LENGTH} characters")
            if literal.lower().startswith(made.RESERVED):
                raise ValueError(f"the tag {tag!r} begins as those that aqsync finds its own by")
            if info.data.get("match"):
                _require_names(tag, names, "match", info.data["match"])
        return add


class Unfinished(Section):
    """Files whose own format says that their writer has not closed them."""

    give_up: Duration = Field(default=DEFAULT_GIVE_UP, description=A_DURATION + ", at most 30d")
    """Seconds without a change after which such a file is sent all the same."""


class Settings(Section):
    """Keys of ``defaults`` and of a mapping; the mapping's value counts."""

    include: Patterns = Field(default=(), description=SOME_PATTERNS)
    """Empty: all files."""
    ignore: Patterns = Field(default=DEFAULT_IGNORE, description=SOME_PATTERNS)
    on_local_delete: OnLocalDelete = Field(
        default=OnLocalDelete.KEEP, strict=False, description="keep or remove"
    )
    settle: Duration = Field(default=DEFAULT_SETTLE, description=A_DURATION + ", at most 30d")
    """Seconds that a file must stand still before it is uploaded."""
    tags: tuple[TagRule, ...] = Field(
        default=(),
        description="a list of rules, each with match and add; with experiment: new, also of tags",
    )
    remove_share: Share = Field(
        default=DEFAULT_REMOVE_SHARE, description="a share such as 50% or 0.5"
    )
    """The largest share of a mapping's files that ``on_local_delete: remove`` removes at once."""
    require_owner: tuple[str | Annotated[int, Field(ge=0)], ...] = Field(
        default=(), description='a list of users, such as ["alice", 1001]'
    )
    """By name or number; empty: files of all users are uploaded."""
    databases: Databases = Field(
        default=Databases.SNAPSHOT, strict=False, description="snapshot, file or ignore"
    )
    """How SQLite databases are sent."""
    recheck: bool = Field(default=True, description="on or off")
    """Whether a file that was very young when it was uploaded is read once more a minute later."""
    measurement: MeasurementOrOff = Field(default=None, description=MEASUREMENT_EXPECTED)
    """Which folders belong together."""
    unfinished: Unfinished = Field(
        default=Unfinished(), description="a section with the key give_up"
    )
    growing: GrowingOrOff = Field(default=GrowingConfig(), description=EXPECTED)
    manifest: bool = Field(default=True, description="on or off")
    """Whether each experiment gets a list of what was sent there, and from where."""


class Defaults(Settings):
    """The section ``defaults``; what a preset sets counts as if it stood here."""

    preset: str | None = Field(
        default=None, description="the name of a preset, such as qcodes, or of one under presets"
    )


class MappingConfig(Defaults):
    """One local directory tied to one experiment or, by a pattern, to several."""

    name: str = Field(description="a name of 1 to 64 letters, digits, . _ and -, such as fridge-1")
    directory: LocalPath = Field(description="the path of a directory")
    """Absolute."""
    experiment: str = Field(
        description='an EID such as 20261123-1, a template such as "{eid}" with a path, or new'
    )
    path: str | None = Field(
        default=None,
        validate_default=True,
        description='with a template, a pattern such as "{eid}_*/**" that holds its names;'
        ' with new, one of folders such as "{date}/{name}/**"; without either, no path',
    )
    metadata: Metadata | None = Field(default=None, description=METADATA_EXPECTED)
    """What the files in a folder say of its experiment, which makes itself."""
    title: str | None = Field(default=None, description=made.A_TEMPLATE)
    """Of experiments that make themselves; None: the folder's path."""
    description: str | None = Field(default=None, description=made.A_TEMPLATE)
    """Of experiments that make themselves; None: where the folder is."""
    identity: str | None = Field(
        default=None, description="with experiment: new, a name of 1 to 64 characters"
    )
    """PCs with the same one share the experiments of folders of the same path."""
    prefix: str | None = Field(
        default=None, description="one path part of at most 64 bytes, such as fridge-1"
    )
    actions: tuple[ActionConfig, ...] = Field(default=(), description=ACTIONS_EXPECTED)
    """What the server does with each measurement that has arrived."""

    @property
    def makes_experiments(self) -> bool:
        """Whether each of its folders gets an experiment of its own."""
        return self.experiment == made.NEW

    @property
    def one_experiment(self) -> str | None:
        """The EID of the experiment that all of its files go to; None: not all go to one."""
        return None if self.makes_experiments or self.path is not None else self.experiment

    @property
    def experiment_folder(self) -> str | None:
        """With ``experiment: new``, the pattern of the folders that get one."""
        if not self.makes_experiments:
            return None
        inside = None if self.measurement is None else self.measurement.folder
        return made.folder_pattern(self.path, inside)

    @property
    def metadata_names(self) -> tuple[str, ...]:
        """The names that files give to templates."""
        return () if self.metadata is None else self.metadata.names

    @property
    def settle_ns(self) -> int:
        """Nanoseconds that a file must stand still before it is uploaded."""
        return int(self.settle * SECOND_NS)

    @property
    def give_up_ns(self) -> int:
        """Nanoseconds without a change after which an unfinished file is sent all the same."""
        return int(self.unfinished.give_up * SECOND_NS)

    @field_validator("name")
    @classmethod
    def _check_name(cls, name: str) -> str:
        if not _MAPPING_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not such a name")
        return name

    @field_validator("experiment")
    @classmethod
    def _check_experiment(cls, experiment: str) -> str:
        if experiment == made.NEW:
            return experiment
        names = patterns.brace_names(experiment)
        fits = (
            re.fullmatch(r"[0-9-]*", patterns.literal_parts(experiment))
            if names
            else patterns.EID.fullmatch(experiment)
        )
        if not fits:
            raise ValueError(f"{experiment!r} is not, and never becomes, an EID")
        return experiment

    @field_validator("path")
    @classmethod
    def _check_path(cls, path: str | None, info: ValidationInfo) -> str | None:
        if path is not None:
            patterns.compile_path_pattern(path)
        experiment = info.data.get("experiment")
        if experiment is None:
            return path
        if experiment == made.NEW:
            measurement = info.data.get("measurement")
            made.folder_pattern(path, None if measurement is None else measurement.folder)
            return path
        names = patterns.brace_names(experiment)
        if names and path is None:
            raise ValueError(f"experiment is {experiment!r}, and no path says where it stands")
        if not names and path is not None:
            raise ValueError(
                f"experiment is {experiment}, so path has nothing to find (include chooses files)"
            )
        if path is not None:
            _require_names(experiment, names, "path", path)
        return path

    @field_validator("title", "description", "identity", "metadata")
    @classmethod
    def _check_made(cls, value: T, info: ValidationInfo) -> T:
        if value is None or info.field_name is None:
            return value
        if info.data.get("experiment") not in {None, made.NEW}:
            raise ValueError(f"{info.field_name} is for experiment: new only")
        if not isinstance(value, str):
            return value
        made.check_value(info.field_name, value)
        if info.field_name != "identity" and {"path", "metadata"} <= info.data.keys():
            inside, read = info.data.get("measurement"), info.data["metadata"]
            folder = made.folder_pattern(
                info.data["path"], None if inside is None else inside.folder
            )
            made.require_names(folder, () if read is None else read.names, value)
        return value

    @field_validator("prefix")
    @classmethod
    def _check_prefix(cls, prefix: str | None) -> str | None:
        if prefix is None:
            return None
        if not prefix.strip() or prefix in {".", ".."} or "/" in prefix or "\0" in prefix:
            raise ValueError(f"{prefix!r} is not one path part")
        if len(prefix.encode(errors="surrogatepass")) > _MAX_PREFIX_BYTES:
            raise ValueError(f"{prefix!r} has more than {_MAX_PREFIX_BYTES} bytes")
        return prefix

    @field_validator("actions")
    @classmethod
    def _check_actions(
        cls, actions: tuple[ActionConfig, ...], info: ValidationInfo
    ) -> tuple[ActionConfig, ...]:
        if not actions or "measurement" not in info.data:
            return actions
        measurement = info.data["measurement"]
        if measurement is None:
            raise ValueError("no measurement says when something has arrived")
        for action in actions:
            for name, text in action.parameters.items():
                names = patterns.brace_names(text)
                _require_names(text, names, "the measurement's folder", measurement.folder)
                if not name:
                    raise ValueError("a parameter has no name")
        if len({action.key for action in actions}) < len(actions):
            raise ValueError("an action stands there twice with the same parameters")
        return actions


def _require_names(template: str, names: tuple[str, ...], key: str, pattern: str) -> None:
    missing = [name for name in names if name not in patterns.brace_names(pattern)]
    if missing:
        raise ValueError(f"{{{missing[0]}}} in {template!r} does not stand in {key}")


def _default_journal() -> Path:
    """In the directory that systemd keeps for the service, else in this user's state folder."""
    given = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    folder = Path(given) if given else platformdirs.user_state_path("aqsync", appauthor=False)
    return folder / "journal.db"


class Config(Section):
    """A whole configuration, valid in itself."""

    server: ServerConfig = Field(description="a section with the key url")
    journal: LocalPath = Field(
        default_factory=_default_journal, description="the path of the journal, a file"
    )
    transfer: Transfer = Field(
        default=Transfer(), description="a section with the keys windows and rate"
    )
    schedule: Schedule = Field(
        default=Schedule(),
        description="a section with the keys " + ", ".join(Schedule.model_fields),
    )
    status: StatusConfig = Field(
        default=StatusConfig(), description="a section with the key listen"
    )
    notify: NotifyConfig = Field(
        default=NotifyConfig(),
        description="a section with the keys " + ", ".join(NotifyConfig.model_fields),
    )
    heartbeat: HeartbeatConfig | None = Field(
        default=None, description="a section with the keys url and every, or null"
    )
    metrics: MetricsConfig = Field(
        default=MetricsConfig(), description="a section with the key textfile"
    )
    fleet: FleetConfig | None = Field(
        default=None,
        description="a section with the keys " + ", ".join(FleetConfig.model_fields) + ", or null",
    )
    mappings: tuple[MappingConfig, ...] = Field(
        min_length=1, description="a list of mappings, each with name, directory and experiment"
    )
    path: LocalPath
    """The file it was read from."""

    def token(self) -> str | None:
        """The token, read at each call and kept nowhere.

        Returns:
            The content of ``server.token_file``; else of systemd's credential ``token``; else of
            the environment variable ``AQSYNC_API_TOKEN``, else ``API_TOKEN``; None where there is
            none.

        Raises:
            ConfigError: The file is missing, unreadable, open to others or holds no token.
        """
        return read_token(self.server.token_file, os.environ)


def known_keys(section: type[BaseModel]) -> dict[str, str | None]:
    """A section's keys and what is expected for each."""
    return {field.alias or key: field.description for key, field in section.model_fields.items()}
