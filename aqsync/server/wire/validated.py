"""Parts of a request that must be of a type, refused as FastAPI does: 422 with pydantic's words."""

from __future__ import annotations

import json
from uuid import UUID

from pydantic import BaseModel, TypeAdapter, ValidationError

from aqsync.server.errors import FileRefused

_MOST_FAULTS = 100
_UUID = TypeAdapter(UUID)


class _FileList(BaseModel):
    """The body of a deletion."""

    file_list: list[str]


def uuid_in(text: str) -> UUID:
    """Return the UUID that a path has.

    Raises:
        FileRefused: It has none there.
    """
    try:
        return _UUID.validate_python(text)
    except ValidationError as exc:
        raise _refused(exc, "path", "experiment_uuid") from exc


def file_list_in(body: bytes, kind: str | None) -> list[str]:
    """Return the names of a deletion, each once, sorted.

    Args:
        body: The body of the request.
        kind: The type that the request tells of it.

    Raises:
        FileRefused: It is no list of names.
    """
    content: object = None
    if kind is None or "json" in kind:
        content = _parsed(body) if body else None
    else:
        content = body.decode(errors="replace")
    if content is None:
        raise FileRefused(422, [_fault("missing", ["body"], "Field required", None)])
    try:
        return sorted(set(_FileList.model_validate(content, from_attributes=True).file_list))
    except ValidationError as exc:
        raise _refused(exc, "body") from exc


def _parsed(body: bytes) -> object:
    try:
        content: object = json.loads(body)
    except json.JSONDecodeError as exc:
        raise _no_json(exc.pos, exc.msg) from exc
    except RecursionError as exc:
        raise _no_json(0, "Too deeply nested") from exc
    except ValueError as exc:
        raise FileRefused(400, "There was an error parsing the body") from exc
    return content


def _no_json(where: int, why: str) -> FileRefused:
    fault = _fault("json_invalid", ["body", where], "JSON decode error", {})
    return FileRefused(422, [fault | {"ctx": {"error": why}}])


def _fault(kind: str, where: list[str | int], message: str, given: object) -> dict[str, object]:
    return {"type": kind, "loc": where, "msg": message, "input": given}


def _refused(exc: ValidationError, *place: str) -> FileRefused:
    faults: list[dict[str, object]] = [
        {**fault, "loc": [*place, *fault["loc"]]}
        for fault in exc.errors(include_url=False)[:_MOST_FAULTS]
    ]
    return FileRefused(422, faults)
