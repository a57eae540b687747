"""One extension, as the ``manifest.yml`` in its folder describes it."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from aqsync.server.errors import OperationRefused
from aqsync.server.extensions.values import DataType, normalised

MANIFEST = "manifest.yml"
MAX_BYTES = 256 * 1024
_MAX_NODES = 50_000


class ManifestBroken(Exception):
    """A manifest that describes no extension; the text says why."""


def _variable_name(name: str) -> str:
    if not name or "=" in name or "\0" in name:
        raise ValueError("no environment variable can have this name")
    return name


def without_nul(text: str) -> str:
    """Refuse a text with the character NUL, which no program and no database takes.

    Raises:
        ValueError: It has one.
    """
    if "\0" in text:
        raise ValueError("it has a NUL character")
    return text


VariableName = Annotated[str, AfterValidator(_variable_name)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class Parameter(_Part):
    """A parameter of an action."""

    name: VariableName
    display_name: str | None = None
    description: str = Field(min_length=1)
    data_type: DataType
    options: list[str] | None = None
    default_value: str | None = None

    @field_validator("default_value", mode="before")
    @classmethod
    def _as_a_script_gets_it(cls, default: object, info: ValidationInfo) -> str | None:
        """YAML has numbers, dates and truth values where a script gets text."""
        kind = info.data.get("data_type")
        if default is None or kind is None:
            return None
        text = str(default)
        try:
            return normalised(kind, text, info.data.get("options")) if text else text
        except OperationRefused as exc:
            raise ValueError(str(exc)) from exc


class Action(_Part):
    """An action of an extension."""

    name: str = Field(min_length=1)
    description: str | None = None
    script: Annotated[str, AfterValidator(without_nul)]
    parameters: list[Parameter]

    @property
    def experiment_variable(self) -> str | None:
        """The name of the first parameter that takes an experiment."""
        kinds = (one.name for one in self.parameters if one.data_type is DataType.EXPERIMENT)
        return next(kinds, None)


class Extension(_Part):
    """An extension.

    Attributes:
        aqueduct_url: The server that its scripts are to talk to; empty for the one that runs them.
        constants: Variables for the scripts of all actions.
        folder: Where it lies.
    """

    name: str = Field(min_length=1)
    description: str | None = None
    authors: str
    aqueduct_url: Annotated[str, AfterValidator(without_nul)] = ""
    constants: dict[VariableName, Annotated[str, AfterValidator(without_nul)]] = {}
    actions: list[Action]
    folder: Path

    @field_validator("constants", mode="before")
    @classmethod
    def _as_scripts_get_them(cls, constants: object) -> object:
        if isinstance(constants, dict):
            return {key: str(value) for key, value in constants.items()}
        return {} if constants is None else constants

    def action(self, name: str) -> Action:
        """Return one of its actions.

        Raises:
            OperationRefused: There is none of this name, or more than one.
        """
        found = [action for action in self.actions if action.name == name]
        if len(found) != 1:
            raise OperationRefused(f"There should be exactly 1 action with name {name}")
        return found[0]


def read_extension(folder: Path) -> Extension:
    """Read the manifest in a folder.

    Raises:
        ManifestBroken: It cannot be read, or describes no extension.
    """
    try:
        content = _loaded(_text(folder / MANIFEST))
        # Half of a surrogate pair, or a list within itself, cannot be sent to a client.
        json.dumps(content, ensure_ascii=False, default=str).encode()
        if not isinstance(content, dict):
            raise ManifestBroken("it is no mapping")
        return Extension.model_validate({**content, "folder": folder.resolve()})
    except ValidationError as exc:
        raise ManifestBroken("; ".join(_problem_text(error) for error in exc.errors())) from exc
    except OSError as exc:
        raise ManifestBroken(str(exc.strerror)) from exc
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as exc:
        raise ManifestBroken(" ".join(str(exc).split())) from exc


def _text(path: Path) -> str:
    # A FIFO without a writer would block for ever.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ManifestBroken("it is not a regular file")
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ManifestBroken(f"it has more than {MAX_BYTES} bytes")
    return content.decode("utf-8")


def _loaded(text: str) -> object:
    """Read YAML; an alias stands for a copy, so what aliases come to is counted first."""
    loader = yaml.SafeLoader(text)
    try:
        root = loader.get_single_node()
        if root is None:
            return None
        if _size(root, {}) > _MAX_NODES:
            raise ManifestBroken(f"it has more than {_MAX_NODES} values, with aliases written out")
        return loader.construct_document(root)
    finally:
        loader.dispose()


def _size(node: yaml.Node, known: dict[int, int]) -> int:
    """Return of how many values a node consists; what contains itself is endless."""
    if id(node) not in known:
        known[id(node)] = _MAX_NODES + 1  # until it is counted
        inner: list[yaml.Node] = []
        if isinstance(node, yaml.SequenceNode):
            inner = node.value
        elif isinstance(node, yaml.MappingNode):
            inner = [part for pair in node.value for part in pair]
        known[id(node)] = 1 + sum(_size(each, known) for each in inner)
    return known[id(node)]


def _problem_text(error: Any) -> str:  # noqa: ANN401 - a dictionary of pydantic's own
    where = ".".join(map(str, error["loc"]))
    what = error["msg"].removeprefix("Value error, ")
    return f"{where}: {what}" if where else str(what)
