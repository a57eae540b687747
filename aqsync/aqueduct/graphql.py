"""The GraphQL operations that aqsync uses, and what their answers mean. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from aqsync.aqueduct.records import ExperimentPage, ExperimentRef, RemoteFile, UserRights
from aqsync.aqueduct.typed import instant, listed, text, text_or_empty, whole
from aqsync.errors import (
    AnswerTooLarge,
    BadAnswer,
    ExperimentNotFound,
    OperationFailed,
    OperationMissing,
    RemoteError,
    ServerBusy,
    TaskNotFound,
)

FILE_FIELDS = "files { name modifiedAt }"
_FILE_KEYS = {"name", "modifiedAt"}
EXPERIMENT_FIELDS = "uuid eid title description tags createdAt updatedAt"

CREATE = f"""mutation($input: ExperimentCreateInput!) {{
  createExperiment(createExperimentInput: $input) {{ {EXPERIMENT_FIELDS} }} }}"""
UPDATE = f"""mutation($uuid: UUID!, $input: ExperimentUpdateInput!) {{
  updateExperiment(uuid: $uuid, experimentUpdateInput: $input) {{ {EXPERIMENT_FIELDS} }} }}"""
REMOVE = """mutation($input: ExperimentRemoveInput!) {
  removeExperiment(experimentRemoveInput: $input) }"""
ADD_TAGS = """mutation($input: ExperimentTagsInput!) {
  addTagsToExperiment(experimentTagsInput: $input) { uuid } }"""
REMOVE_TAG = """mutation($input: ExperimentTagInput!) {
  removeTagFromExperiment(experimentTagInput: $input) { uuid } }"""
FIND = f"""query($offset: Int!, $limit: Int!, $filters: ExperimentFiltersInput) {{
  experiments(offset: $offset, limit: $limit, filters: $filters) {{
    totalExperimentsCount experimentsData {{ {EXPERIMENT_FIELDS} }} }} }}"""

ARCHIVED = "__archived__"
"""The tag that hides an experiment from searches that do not name it."""

NOTHING = "{ __typename }"
"""What any server of GraphQL answers, for what stands in the head of the answer."""
USER = "{ getCurrentUserInfo { username scopes } }"
_OWN_WORD = "aqsync::scope::"
"""How the embedded server begins the word for a token's scope."""
TAGS = """query($offset: Int!, $limit: Int!) {
  tags(offset: $offset, limit: $limit) { totalTagsCount tagsData } }"""


def alias(index: int) -> str:
    """Return the name under which the answer holds the experiment asked for at `index`."""
    return f"e{index}"


def experiments_query(
    id_type: str, values: Sequence[str], fields: str = EXPERIMENT_FIELDS
) -> dict[str, Any]:
    """Return one request for several experiments, each under its `alias`.

    The server limits how deep a query nests but not how many aliases it has; a hundred experiments
    in one request take it no longer than twenty requests for one.

    Args:
        id_type: What the values are: ``EID`` or ``UUID``.
        values: The experiments' identifiers.
        fields: What to ask about each.
    """
    names = [alias(index) for index in range(len(values))]
    declared = ", ".join(f"${name}: ExperimentIdentifierInput!" for name in names)
    asked = "\n".join(
        f"{name}: experiment(experimentIdentifier: ${name}) {{ {fields} }}" for name in names
    )
    variables = {
        name: {"type": id_type, "value": value} for name, value in zip(names, values, strict=True)
    }
    return {"query": f"query({declared}) {{\n{asked}\n}}", "variables": variables}


def data_of(answer: dict[str, Any], what: str) -> dict[str, Any]:
    """Return the data of an answer without errors.

    Raises:
        OperationFailed, ServerBusy: The answer tells of an error.
        BadAnswer: It is not a GraphQL answer.
    """
    errors = _errors(answer, what)
    if errors:
        raise _error_of(_message(errors[0]), what)
    return _data(answer, what)


def experiments_of(answer: dict[str, Any], count: int, what: str) -> list[dict[str, Any] | None]:
    """Return what an answer to `experiments_query` holds, in the order asked; None: not found.

    Raises:
        OperationFailed, ServerBusy: The answer tells of another error than "not found".
        BadAnswer: It is not an answer to this query.
    """
    missing = set()
    for error in _errors(answer, what):
        found, path = _error_of(_message(error), what), error.get("path")
        if not (isinstance(found, ExperimentNotFound) and isinstance(path, list) and path):
            raise found
        missing.add(str(path[0]))
    data = {} if answer.get("data") is None else _data(answer, what)
    names = [alias(index) for index in range(count)]
    if not all(name in missing or isinstance(data.get(name), dict) for name in names):
        raise BadAnswer(f"{what}: the answer leaves an experiment out")
    return [data.get(name) for name in names]


def experiment_ref(fields: dict[str, Any], what: str) -> ExperimentRef:
    """Return the experiment that an answer describes.

    Raises:
        BadAnswer: A field is missing or not what the protocol says.
    """
    try:
        return ExperimentRef(
            uuid=UUID(fields["uuid"]),
            eid=text(fields["eid"]),
            title=text(fields["title"]),
            description=text_or_empty(fields["description"]),
            tags=tuple(listed(fields["tags"], text)),
            created_at=instant(fields["createdAt"]),
            updated_at=instant(fields["updatedAt"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise BadAnswer(f"{what}: the server described an experiment in an unknown way") from exc


def experiment_page(data: dict[str, Any], what: str) -> ExperimentPage:
    """Return the experiments that an answer to `FIND` holds.

    Raises:
        BadAnswer: A field is missing or not what the protocol says.
    """
    try:
        page = data["experiments"]
        return ExperimentPage(
            listed(page["experimentsData"], lambda fields: experiment_ref(fields, what)),
            whole(page["totalExperimentsCount"]),
        )
    except (KeyError, TypeError, ValueError) as exc:
        raise BadAnswer(f"{what}: the server answered in an unknown way") from exc


def tagged_query(tags: Sequence[str], most: int) -> dict[str, Any]:
    """Return one request for the experiments with each of these tags, archived ones too.

    Args:
        tags: Which.
        most: How many of each to tell.
    """
    wanted = [each for tag in tags for each in ([tag], [tag, ARCHIVED])]
    names = [alias(index) for index in range(len(wanted))]
    declared = ", ".join(f"${name}: ExperimentFiltersInput" for name in names)
    asked = "\n".join(
        f"{name}: experiments(offset: 0, limit: {most}, filters: ${name}) {{"
        f" totalExperimentsCount experimentsData {{ {EXPERIMENT_FIELDS} }} }}"
        for name in names
    )
    variables = {
        name: {"shouldIncludeTags": each} for name, each in zip(names, wanted, strict=True)
    }
    return {"query": f"query({declared}) {{\n{asked}\n}}", "variables": variables}


def tagged_of(data: dict[str, Any], tags: Sequence[str], what: str) -> list[list[ExperimentRef]]:
    """Return what an answer to `tagged_query` holds: for each tag its experiments, oldest first.

    Raises:
        BadAnswer: It is not an answer to this query.
    """
    found: list[list[ExperimentRef]] = []
    for index, tag in enumerate(tags):
        pages = [
            experiment_page({"experiments": data.get(alias(2 * index + archived))}, what)
            for archived in (0, 1)
        ]
        # A server that does not know this kind of search answers with others.
        have = {
            each.uuid: each
            for page in pages
            for each in page.experiments
            if tag.lower() in (own.lower() for own in each.tags)
        }
        found.append(sorted(have.values(), key=lambda each: (each.created_at, str(each.uuid))))
    return found


def tags_of(data: dict[str, Any], what: str) -> list[str]:
    """Return the tags that an answer to `TAGS` holds.

    Raises:
        BadAnswer: A field is missing or not what the protocol says.
    """
    try:
        return listed(data["tags"]["tagsData"], text)
    except (KeyError, TypeError) as exc:
        raise BadAnswer(f"{what}: the server answered in an unknown way") from exc


def rights_of(data: dict[str, Any], what: str) -> UserRights:
    """Return what an answer to `USER` holds.

    Raises:
        BadAnswer: A field is missing or not what the protocol says.
    """
    try:
        user = data["getCurrentUserInfo"]
        words = listed(user["scopes"], text)
        own = [word.removeprefix(_OWN_WORD) for word in words if word.startswith(_OWN_WORD)]
        return UserRights(text(user["username"]), own[0] if own else None)
    except (KeyError, TypeError) as exc:
        raise BadAnswer(f"{what}: the server answered in an unknown way") from exc


def literally(part: str | None) -> str | None:
    """Return the text of a search that finds what a person typed, as it stands.

    The server takes it for a pattern: ``%`` is any text, ``_`` any character, and a backslash
    takes the next character as it is.
    """
    return None if part is None else re.sub(r"([\\%_])", r"\\\1", part)


def filters(**values: object) -> dict[str, object]:
    """Return what of a search is given, in the words of the wire.

    A time without an offset from UTC is meant as this machine's local time.
    """
    given = {key: value for key, value in values.items() if value is not None}
    return {
        key: value.astimezone().isoformat() if isinstance(value, datetime) else value
        for key, value in given.items()
    }


def remote_file(fields: dict[str, Any]) -> object:
    """Turn the innermost objects of a file list into tuples at once: 100,000 may come.

    This is a hook for the JSON parser, which shows it every object.
    """
    if fields.keys() == _FILE_KEYS:
        name, modified_at = fields["name"], fields["modifiedAt"]
        if isinstance(name, str) and isinstance(modified_at, str):
            return RemoteFile(name, modified_at)
    return fields


def file_list(fields: dict[str, Any], what: str) -> list[RemoteFile]:
    """Return the files in one experiment's part of an answer, made with `remote_file`.

    Raises:
        BadAnswer: There is no list, or something else in it.
    """
    files = fields.get("files")
    if isinstance(files, list) and all(isinstance(file, RemoteFile) for file in files):
        return files
    raise BadAnswer(f"{what}: the server lists files in an unknown way")


def _errors(answer: dict[str, Any], what: str) -> list[dict[str, Any]]:
    errors = answer.get("errors") or []
    if isinstance(errors, list) and all(isinstance(error, dict) for error in errors):
        return errors
    raise BadAnswer(f"{what}: the server reported errors in an unknown way")


def _data(answer: dict[str, Any], what: str) -> dict[str, Any]:
    data = answer.get("data")
    if isinstance(data, dict):
        return data
    raise BadAnswer(f"{what}: the answer holds no data")


def _message(error: dict[str, Any]) -> str:
    return str(error.get("message", "no reason given"))


def _error_of(message: str, what: str) -> RemoteError:
    """Return the error for a message; nothing but its text tells one kind from another."""
    lowered = message.lower()
    if "non-existing experiment" in lowered or "experiment not found in the" in lowered:
        return ExperimentNotFound(f"{what}: the experiment does not exist for this user")
    if "non-existing task" in lowered or "task does not exist" in lowered:
        return TaskNotFound(f"{what}: the task does not exist for this user")
    if "duplicate key" in lowered:  # two clients made the same tag at once; again succeeds
        return ServerBusy(f"{what}: the server's database was busy with the same thing")
    if "ask for less at once" in lowered:
        return AnswerTooLarge(f"{what}: the server does not tell so much in one answer")
    if "cannot query field" in lowered or "unknown type" in lowered:
        return OperationMissing(
            f"{what}: the server's release cannot do this", hint="update the server"
        )
    first_line = message.strip().partition("\n")[0][:300].rstrip(".")
    return OperationFailed(f"{what}: the server refused: {first_line}")
