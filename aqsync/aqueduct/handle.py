"""What the objects of scripts and notebooks have in common: how they show themselves."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, ClassVar

from pydantic import BaseModel

_MetaModel: Any = type(BaseModel)


class _CompletedMeta(_MetaModel):  # type: ignore[misc]  # pydantic does not export it
    """Classes whose names for completion are those meant for users: shells look at both."""

    def __dir__(cls) -> list[str]:  # noqa: N805 - of a metaclass
        kinds = cls.__mro__[: cls.__mro__.index(Handle)]
        ours = {name for kind in kinds for name in (*vars(kind), *kind.__annotations__)}
        return [
            name
            for name in dict.fromkeys([*super().__dir__(), *ours])
            if name.startswith("__") or (name in ours and not name.startswith(("_", "model_")))
        ]


class Handle(BaseModel, Mapping[str, Any], metaclass=_CompletedMeta):
    """Something on a server.

    It also is a mapping of what the server told about it last, and asks nothing for that. So
    ``dict(handle)`` has plain values, and ``pandas.DataFrame`` makes columns of a list of handles.
    """

    _shown: ClassVar[tuple[str, ...]]
    """Of its values, those that `repr` has."""

    def _told(self) -> dict[str, Any]:
        """Return what the server told last, by name."""
        raise NotImplementedError

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - of whichever type it is
        """Return what the server told last under this name."""
        return self._told()[name]

    def __iter__(self) -> Iterator[str]:  # type: ignore[override]  # as a mapping has it
        return iter(self._told())

    def __len__(self) -> int:
        return len(self._told())

    def __dir__(self) -> list[str]:
        """Return what is meant for users, and Python's own names: completion shows these."""
        return dir(type(self))

    def __repr__(self) -> str:
        told = self._told()
        shown = ", ".join(f"{name}={told[name]!r}" for name in self._shown)
        return f"{type(self).__name__}({shown})"

    __str__ = __repr__

    def _repr_html_(self) -> str:
        """Return the table that a notebook shows."""
        rows = "".join(
            f'<tr><th style="text-align: left">{html.escape(name)}</th>'
            f'<td style="text-align: left">{html.escape(_text(value))}</td></tr>'
            for name, value in self._told().items()
        )
        return f"<table><caption>{type(self).__name__}</caption>{rows}</table>"


def _text(value: object) -> str:
    """Return a value as people read it: times in this machine's zone."""
    if isinstance(value, datetime):
        return value.astimezone().isoformat(sep=" ", timespec="seconds")
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)
