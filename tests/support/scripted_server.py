"""An Aqueduct server whose answers a test writes down, one for each question."""

from __future__ import annotations

import json
from collections import deque
from types import TracebackType
from typing import Any, Self

from tests.support.raw_server import Peer, RawServer

Json = dict[str, Any]
Answer = Json | Exception | None
"""The data, an error that the server reports, or None to break the connection off."""

EID = "20261123-1"
EXPERIMENT: Json = {
    "uuid": "00000000-0000-4000-8000-000000000001",
    "eid": EID,
    "title": "Cooldown",
    "description": None,
    "tags": [],
    "createdAt": "2026-11-23T10:11:45.826756+00:00",
    "updatedAt": "2026-11-23T10:11:45.826756+00:00",
}
TASK_ID = "00000000-0000-4000-8000-00000000000a"
WITH_TASKS = ["executeExtensionInput"]
WITHOUT_TASKS = ["params", "extension", "action"]


def parameter(name: str, data_type: str, **more: object) -> Json:
    """A parameter as the server describes it."""
    none = dict.fromkeys(("displayName", "description", "defaultValue", "options"))
    return {"name": name, "dataType": data_type, **none, **more}


def action(name: str, *parameters: Json, **more: object) -> Json:
    """An action as the server describes it."""
    variables = [each["name"] for each in parameters if each["dataType"] == "experiment"]
    described = {"description": f"does {name}", "experimentVariableName": (variables or [None])[0]}
    return {"name": name, "parameters": list(parameters), **described, **more}


def extension(name: str, *actions: Json) -> Json:
    """An extension as the server describes it."""
    return {"name": name, "description": None, "authors": "A. Uthor", "actions": list(actions)}


def task(status: str, **more: object) -> Json:
    """A task as the server describes it."""
    described: Json = {
        "uuid": TASK_ID,
        "experiment": EXPERIMENT,
        "extensionName": "plots",
        "actionName": "plot",
        "parameters": [{"key": parameter("experiment", "experiment"), "value": EID}],
        "createdBy": "admin",
        "receivedAt": "2026-11-23T10:12:00+00:00",
        "taskStatus": status,
        **dict.fromkeys(("endedAt", "resultCode", "stdOut", "stdErr")),
    }
    if status in {"SUCCESS", "FAILURE"}:
        described |= {
            "endedAt": "2026-11-23T10:12:05+00:00",
            "resultCode": 0 if status == "SUCCESS" else 3,
            "stdOut": "drawn",
            "stdErr": "",
        }
    return described | more


def mutations(arguments: list[str] | None) -> Json:
    """What introspection says about an ``executeExtension`` with these arguments."""
    fields = [{"name": "createExperiment", "args": [{"name": "createExperimentInput"}]}]
    if arguments is not None:
        fields.append({"name": "executeExtension", "args": [{"name": each} for each in arguments]})
    return {"__type": {"fields": fields}}


class ScriptedServer:
    """Answers each question as the script says that its word is in; the last answer stays.

    Args:
        script: By a word of the query, the answers to give one after the other.

    Attributes:
        asked: The questions so far, with the words that they were found by.
        heads: The heads of the requests so far.
        silent: The words whose questions get no answer.
    """

    def __init__(self, **script: Answer | list[Answer]) -> None:
        self.asked: list[tuple[str, Json]] = []
        self.heads: list[bytes] = []
        self.silent: set[str] = set()
        self._script = {
            word: deque(answers if isinstance(answers, list) else [answers])
            for word, answers in script.items()
        }
        self._raw = RawServer(self._serve)

    @property
    def url(self) -> str:
        return self._raw.url

    def variables(self, word: str) -> list[Json]:
        """What came with the questions that have this word."""
        return [question["variables"] for found, question in self.asked if found == word]

    def count(self, word: str) -> int:
        return len(self.variables(word))

    def __enter__(self) -> Self:
        self._raw.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._raw.__exit__(kind, value, trace)

    def _serve(self, peer: Peer) -> None:
        while True:
            head, body = peer.request()
            if not head:
                return
            self.heads.append(head)
            question = json.loads(body)
            word = next(word for word in self._script if word in question["query"])
            self.asked.append((word, question))
            if word in self.silent:
                self._raw.stopping.wait()
                return
            answers = self._script[word]
            answer = answers.popleft() if len(answers) > 1 else answers[0]
            if answer is None:
                peer.reset()
                return
            if isinstance(answer, Exception):
                said: Json = {"data": None, "errors": [{"message": str(answer)}]}
            else:
                said = {"data": answer}
            peer.answer("200 OK", json.dumps(said).encode())
