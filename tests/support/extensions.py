"""Extensions made for one test, and tasks that are run with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.support.embedded import EmbeddedServer
from tests.support.patience import wait_until
from tests.support.visit import Visit

TASK = "uuid taskStatus resultCode stdOut stdErr endedAt"
EXPERIMENT = {"name": "experiment", "description": "an experiment", "data_type": "experiment"}


def parameter(name: str, kind: str, **more: object) -> dict[str, object]:
    return {"name": name, "description": name, "data_type": kind, **more}


def write_extension(folder: Path, scripts: Mapping[str, str], **more: Any) -> Path:
    """Make an extension that is named like its folder.

    Args:
        folder: Where; made if it is missing.
        scripts: The scripts of actions that take an experiment, by the actions' names.
        **more: What else its manifest says; ``parameters`` are those of all actions.
    """
    folder.mkdir(parents=True, exist_ok=True)
    parameters = [EXPERIMENT, *more.pop("parameters", [])]
    manifest = {
        "name": folder.name,
        "description": "made for a test",
        "authors": "nobody",
        "aqueduct_url": "",
        "actions": [
            {"name": name, "script": script, "parameters": parameters}
            for name, script in scripts.items()
        ],
        **more,
    }
    (folder / "manifest.yml").write_text(yaml.safe_dump(manifest, allow_unicode=True))
    return folder


@contextmanager
def serving(tmp_path: Path, extensions: Path, **options: Any) -> Iterator[EmbeddedServer]:
    """A server with extensions, whose log must show no failure of its own."""
    with EmbeddedServer(tmp_path / "da ta", extensions=extensions, **options) as server:
        yield server
    assert "Traceback" not in server.log


class Tasks:
    """Tasks on one new experiment.

    Args:
        visit: The way to the server.
        extension: The name of the extension.
    """

    def __init__(self, visit: Visit, extension: str) -> None:
        self.visit = visit
        self.extension = extension
        self.experiment = visit.create()

    def order(self, action: str, **values: str) -> dict[str, Any]:
        """Send an order and return the whole answer."""
        given = {"experiment": self.experiment["eid"], **values}
        return self.visit.graphql(
            "mutation($input: ExecuteExtensionInput!)"
            f" {{executeExtension(executeExtensionInput: $input) {{{TASK}}}}}",
            input={
                "experimentUuid": self.experiment["uuid"],
                "extension": self.extension,
                "action": action,
                "params": list(given.items()),
            },
        )

    def start(self, action: str, **values: str) -> str:
        """Order a task and return its UUID."""
        answer = self.order(action, **values)
        assert "errors" not in answer, answer["errors"]
        uuid: str = answer["data"]["executeExtension"]["uuid"]
        return uuid

    def refused(self, action: str, **values: str) -> str:
        answer = self.order(action, **values)
        assert answer["data"] is None
        [error] = answer["errors"]
        message: str = error["message"]
        return message

    def find(self, uuid: str) -> dict[str, Any]:
        found: dict[str, Any] = self.visit.ask(
            f"query($uuid: UUID!) {{task(taskId: $uuid) {{{TASK}}}}}", uuid=uuid
        )
        return found

    def cancel(self, uuid: str) -> dict[str, Any]:
        found: dict[str, Any] = self.visit.ask(
            f"mutation($uuid: UUID!) {{cancelTask(cancelTaskInput: {{taskId: $uuid}}) {{{TASK}}}}}",
            uuid=uuid,
        )
        return found

    def reached(self, uuid: str, *statuses: str) -> dict[str, Any]:
        """Wait until a task has one of these states."""
        found: dict[str, Any] = {}

        def so() -> bool:
            found.update(self.find(uuid))
            return found["taskStatus"] in statuses

        wait_until(so, lambda: f"{statuses}, not {found}")
        return found

    def ended(self, uuid: str) -> dict[str, Any]:
        return self.reached(uuid, "SUCCESS", "FAILURE", "REVOKED")

    def ran(self, action: str, **values: str) -> dict[str, Any]:
        return self.ended(self.start(action, **values))


def wait_for(path: Path) -> str:
    """Wait until a script has written a whole line into a file; return the file's text."""
    wait_until(lambda: path.exists() and path.read_text().endswith("\n"), f"text in {path}")
    return path.read_text()


def is_running(pid: int) -> bool:
    """Tell whether a process is alive; one that has ended and waits to be reaped is not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def wait_until_gone(pid: int) -> None:
    wait_until(lambda: not is_running(pid), f"the end of process {pid}")
