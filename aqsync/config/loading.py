"""Finding the configuration file and reading it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeVar

import platformdirs
from pydantic import ValidationError

from aqsync.config.checks import find_conflicts
from aqsync.config.fleet import FleetConfig
from aqsync.config.junk import DEFAULT_IGNORE
from aqsync.config.models import Config, Defaults, MappingConfig, ServerConfig, Settings
from aqsync.config.presets import as_written, presets
from aqsync.config.problems import config_error, problems_of, unknown_key, where_written
from aqsync.config.section import Section
from aqsync.config.yamltree import Location, Problem, Tree
from aqsync.errors import ConfigError
from aqsync.paths import absolute
from aqsync.trust import distrust, trusted_users

FOUND_HERE = "aqsync.yaml"
"""The name by which a configuration is found in the working directory."""
_MAX_BYTES = 1024 * 1024
_MERGED = {"presets", "defaults"}
"""Sections that only mappings use."""
_Model = TypeVar("_Model", bound=Section)


def find_config(explicit: Path | None = None) -> Path:
    """Find the configuration file.

    Args:
        explicit: What the user named on the command line; then nothing else counts.

    Returns:
        The first that exists of: ``explicit``, the environment variable ``AQSYNC_CONFIG``,
        ``./aqsync.yaml``, ``config.yaml`` in the user's configuration folder, and
        ``/etc/aqsync/config.yaml``. One that is not named must belong to this user or root, as
        must its folder, and nobody else may write to them.

    Raises:
        ConfigError: There is none, and the message names the places looked at; or another user
            could have written the one that was found.
    """
    named = explicit or _from_environment()
    if named is not None:
        if not _exists(named):
            raise ConfigError(
                f"the configuration file {named} does not exist",
                hint=f"write one with: aqsync init --output {named}",
            )
        return named
    places = (
        Path(FOUND_HERE),
        platformdirs.user_config_path("aqsync", appauthor=False) / "config.yaml",
        Path("/etc/aqsync/config.yaml"),
    )
    for place in places:
        if _exists(place):
            _require_trusted(place)
            return place
    looked = ", ".join(map(str, places))
    raise ConfigError(
        f"there is no configuration: looked for --config, AQSYNC_CONFIG, {looked}",
        hint="write one with: aqsync init",
    )


def load_config(path: Path) -> Config:
    """Read and validate a configuration.

    Relative paths in it are taken from the folder it lies in; ``~`` is the home folder.

    Raises:
        ConfigError: It cannot be read or is not valid. The message has a line for each problem:
            ``FILE:LINE: key: what is wrong; expected ...``.
    """
    return parse_config(_read(path), path)


def load_server(path: Path) -> ServerConfig:
    """Read only the section ``server`` of a configuration; the rest is ignored.

    Raises:
        ConfigError: It cannot be read, is no YAML, or the section is missing or wrong.
    """
    return _without_mappings(path, "server").server


def load_fleet(path: Path) -> tuple[ServerConfig, FleetConfig]:
    """Read only the sections ``server`` and ``fleet``, as a PC that only looks has no mappings.

    Raises:
        ConfigError: As `load_server`, or there is no section ``fleet``.
    """
    found = _without_mappings(path, "server", "fleet")
    if found.fleet is None:
        raise ConfigError(
            f"{path}: it names no fleet",
            hint="name the experiment that the PCs keep their status files in:"
            " `fleet: {experiment: EID}`",
        )
    return found.server, found.fleet


def _without_mappings(path: Path, *sections: str) -> _NoMappings:
    tree = Tree(_read(path))
    document = tree.value
    if not isinstance(document, dict):
        raise _no_sections(path, tree)
    wanted = {key: value for key, value in document.items() if key in sections}
    return _Reader(path, tree, wanted).sections(*sections)


def parse_config(text: str, path: Path, *, is_written: bool = True) -> Config:
    """Validate a configuration's text.

    Args:
        text: The YAML.
        path: The file it comes from or will go to, for messages and relative paths.
        is_written: Whether it stands in that file: then messages name file and lines.

    Raises:
        ConfigError: As `load_config`.
    """
    tree = Tree(text)
    if isinstance(tree.value, dict):
        return _Reader(path, tree, tree.value, is_written=is_written).read()
    raise _no_sections(path, tree)


class _NoMappings(Section):
    """What commands need that do not use mappings."""

    server: ServerConfig
    fleet: FleetConfig | None = None


class _Reader:
    """Validates a document part by part, so that one wrong part hides no other."""

    def __init__(
        self, path: Path, tree: Tree, document: dict[str, object], *, is_written: bool = True
    ) -> None:
        self._path = path
        self._shown = path if is_written else None
        self._folder = absolute(path).parent
        self._tree = tree
        self._document = document
        self._problems = list(tree.problems)
        self._presets: dict[str, dict[str, object]] = {}

    def read(self) -> Config:
        document = {key: self._document[key] for key in self._document.keys() - _MERGED}
        for section in ("transfer", "schedule", "notify", "heartbeat", "fleet"):
            if document.get(section, ()) is None:  # all its keys are commented out
                del document[section]
        if "path" in document:
            self._problems.append(unknown_key(("path",), self._tree))
        document["path"] = self._folder / self._path.name
        self._presets = self._own_presets()
        placed = self._mappings()
        listed = self._document.get("mappings")
        if listed and isinstance(listed, tuple):
            # Their errors are noted; a placeholder keeps the list from counting as empty.
            right = tuple(mapping for _, mapping in placed)
            document["mappings"] = right or (MappingConfig.model_construct(),)
        config = self._validate(Config, document, ())
        private = {} if config is None else _private_files(config)
        for location, what in find_conflicts(placed, private):
            line = self._tree.spot(where_written(location, self._tree)).line
            self._problems.append(Problem(line, location, what))
        if self._problems or config is None:
            raise config_error(self._shown, self._problems)
        return config

    def sections(self, *names: str) -> _NoMappings:
        self._problems = [found for found in self._problems if str(found.location[0]) in names]
        only = self._validate(_NoMappings, self._document, ())
        if self._problems or only is None:
            raise config_error(self._path, self._problems)
        return only

    def _mappings(self) -> list[tuple[int, MappingConfig]]:
        defaults = self._defaults()
        with_preset = self._with_preset(defaults, ("defaults",))
        listed = self._document.get("mappings")
        placed = []
        for index, raw in enumerate(listed if isinstance(listed, tuple) else ()):
            merged: object = raw
            if isinstance(raw, dict):
                own = self._with_preset(raw, ("mappings", index), defaults.get("ignore"))
                merged = {**(defaults if "preset" in raw else with_preset), **own}
            mapping = self._validate(MappingConfig, merged, ("mappings", index))
            if mapping is not None:
                placed.append((index, mapping))
        return placed

    def _defaults(self) -> dict[str, object]:
        """What ``defaults`` says, as written; nothing if it is wrong in itself."""
        raw = self._document.get("defaults")
        if raw is None:  # left out, or all its keys commented out
            return {}
        valid = self._validate(Defaults, raw, ("defaults",)) is not None
        return raw if valid and isinstance(raw, dict) else {}

    def _own_presets(self) -> dict[str, dict[str, object]]:
        raw = self._document.get("presets")
        if raw is None:
            return {}
        if not isinstance(raw, dict):
            spot = self._tree.spot(("presets",))
            what = f"this is {spot.kind}; expected a section with a section for each preset"
            self._problems.append(Problem(spot.line, ("presets",), what))
            return {}
        valid = {
            name
            for name, settings in raw.items()
            if self._validate(Settings, settings, ("presets", name)) is not None
        }
        return {name: settings if name in valid else {} for name, settings in raw.items()}

    def _with_preset(
        self, section: dict[str, object], at: Location, ignored: object = None
    ) -> dict[str, object]:
        """A section, with what its preset sets and it does not say itself.

        Args:
            section: As written.
            at: Where it stands.
            ignored: What is ignored there without the preset; None: the default.
        """
        name = section.get("preset")
        if not isinstance(name, str):
            return section
        settings = self._presets.get(name)
        if settings is None and name in presets():
            settings = {**presets()[name].settings}
        if settings is not None:
            listed = ignored if isinstance(ignored, tuple) else DEFAULT_IGNORE
            return {**as_written(settings, listed), **section}
        at = (*at, "preset")
        known = ", ".join([*self._presets, *presets()])
        what = f"there is no preset {name!r}; expected one of {known}, or one under presets"
        self._problems.append(Problem(self._tree.spot(at).line, at, what))
        return section

    def _validate(self, model: type[_Model], value: object, at: Location) -> _Model | None:
        try:
            return model.model_validate(value, context={"folder": self._folder})
        except ValidationError as error:
            # A value of the wrong form has no meaning either, so one message is enough.
            formless = {problem.location for problem in self._tree.problems}
            found = problems_of(error, self._tree, at)
            self._problems += [problem for problem in found if problem.location not in formless]
            return None


def _private_files(config: Config) -> dict[Location, Path]:
    """Files of aqsync itself, and where the configuration names them."""
    beat = config.heartbeat
    named: dict[Location, Path | None] = {
        ("journal",): config.journal,
        ("server", "token_file"): config.server.token_file,
        ("notify", "urls_file"): config.notify.urls_file,
        ("heartbeat", "url_file"): None if beat is None else beat.url_file,
        ("fleet", "key_file"): None if config.fleet is None else config.fleet.key_file,
    }
    return {location: file for location, file in named.items() if file is not None}


def _no_sections(path: Path, tree: Tree) -> ConfigError:
    spot = tree.spot(())
    what = f"this is {spot.kind}; expected a section with the keys server and mappings"
    return config_error(path, tree.problems or [Problem(spot.line, (), what)])


def _from_environment() -> Path | None:
    named = os.environ.get("AQSYNC_CONFIG")
    return Path(named) if named else None


def _require_trusted(found: Path) -> None:
    """Refuse one that others could write: it decides where the token goes and what is uploaded."""
    try:
        why = distrust(found, trusted_users())
    except OSError:  # it cannot be read then, and reading it reports that
        return
    if why is not None:
        raise ConfigError(
            f"the configuration {absolute(found)} was found and is not used, as others could have"
            f" written it: {why}",
            hint="name the one that you mean, by --config or AQSYNC_CONFIG; or make file and folder"
            " yours alone (chmod go-w)",
        )


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # in a folder that may not be entered: reading it reports that
        return True


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(
            f"the configuration {path} cannot be read: {error.strerror}",
            hint="write one with: aqsync init" if isinstance(error, FileNotFoundError) else "",
        ) from error
    if len(content) > _MAX_BYTES:
        raise ConfigError(f"{path}:1: the file holds more than {_MAX_BYTES} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: this is not UTF-8; save the file as UTF-8") from error
