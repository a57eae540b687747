"""What files tell of an experiment: the section ``metadata``."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

import jsonpath
from pydantic import AfterValidator, Field, model_validator

from aqsync.config.section import Section

_MOST_CHARACTERS = 500
A_PATH = 'a JSONPath such as "$.metadata.name"'


class MetadataFormat(StrEnum):
    """How a file is read."""

    JSON = "json"
    YAML = "yaml"
    HDF5 = "hdf5"
    QCODES = "qcodes"
    TUID = "tuid"
    """The folder's own name, as Quantify gives it: no file is read."""


_BY_END = {
    ".json": MetadataFormat.JSON,
    ".yaml": MetadataFormat.YAML,
    ".yml": MetadataFormat.YAML,
    ".h5": MetadataFormat.HDF5,
    ".hdf5": MetadataFormat.HDF5,
    ".nc": MetadataFormat.HDF5,
    ".db": MetadataFormat.QCODES,
}


def _check_path(path: str) -> str:
    if not path.startswith("$"):
        raise ValueError(f"{path!r} does not begin with $")
    if len(path) > _MOST_CHARACTERS:
        raise ValueError(f"it has more than {_MOST_CHARACTERS} characters")
    try:
        jsonpath.compile(path)
    except (jsonpath.JSONPathError, RecursionError) as error:
        said = str(error).partition("\n")[0]
        raise ValueError(f"{path!r} is no JSONPath: {said}") from error
    return path


JSONPath = Annotated[str, AfterValidator(_check_path)]


class Metadata(Section):
    """Where title, description and tags of an experiment stand in the files of its folder."""

    from_: str | None = Field(
        default=None,
        alias="from",
        description='a file of the folder such as "node.json"; its last part may have * and ?',
    )
    format: MetadataFormat | None = Field(
        default=None, strict=False, description=", ".join(MetadataFormat)
    )
    """None: as the file's name ends."""
    title: JSONPath | None = Field(default=None, description=A_PATH)
    description: JSONPath | None = Field(default=None, description=A_PATH)
    tags: dict[str, JSONPath] = Field(
        default_factory=dict, description='a section such as {qubit: "$.metadata.qubit"}'
    )
    """By what stands before the colon of a tag, where its value is."""

    @property
    def reads(self) -> MetadataFormat:
        """How the file is read."""
        return self.format or _BY_END["." + str(self.from_).lower().rpartition(".")[2]]

    @property
    def names(self) -> tuple[str, ...]:
        """The names that templates may have in braces."""
        own = [name for name in ("title", "description") if name in self.paths]
        return (*own, *self.tags)

    @property
    def paths(self) -> dict[str, str]:
        """Every path, by what it is for: ``title``, ``description``, or ``tag:`` and a name."""
        found = {"title": self.title, "description": self.description}
        found |= {f"tag:{name}": path for name, path in self.tags.items()}
        return {name: path for name, path in found.items() if path is not None}

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.format is MetadataFormat.TUID:
            if self.from_ is not None:
                raise ValueError("the format tuid reads the folder's name, so from has no meaning")
        elif self.from_ is None:
            raise ValueError("no from says which file is read")
        else:
            _check_file(self.from_)
            end = "." + self.from_.lower().rpartition(".")[2]
            if self.format is None and end not in _BY_END:
                raise ValueError(f"the end of {self.from_!r} does not tell its format: name format")
        if not self.paths:
            raise ValueError("it reads nothing: name title, description or tags")
        return self


def _check_file(name: str) -> None:
    *folders, last = name.split("/")
    if not last or any(part in {"", ".", ".."} for part in (*folders, last)) or "\0" in name:
        raise ValueError(f"{name!r} names no file below the folder")
    if any(set("*?[") & set(part) for part in folders):
        raise ValueError(f"{name!r} has a wildcard before its last part")


EXPECTED = "a section with the keys from, " + ", ".join(
    key for key in Metadata.model_fields if key != "from_"
)
