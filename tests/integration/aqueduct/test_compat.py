"""pyaqueduct's modules under their own names."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from uuid import uuid4

import pytest

import aqsync
from aqsync.compat import API, AqueductClient
from aqsync.compat.exceptions import RemoteOperationError
from aqsync.compat.settings import Settings
from tests.contract.tasks import EXTENSION
from tests.support.embedded import EmbeddedServer


@pytest.fixture
def client(embedded_server: EmbeddedServer) -> Iterator[AqueductClient]:
    with AqueductClient(f"{embedded_server.url}/api", timeout=30) as client:
        yield client


def test_the_package_has_the_old_modules() -> None:
    for name in ("client", "schemas", "settings"):
        assert getattr(aqsync, name) is import_module(f"aqsync.compat.{name}")
    assert API is aqsync.API


def test_experiments(client: AqueductClient) -> None:
    mark = uuid4().hex
    made = client.create_experiment(f"{mark} a_b", "text", tags=["Old"])
    assert client.get_experiment(made.uuid) == made == client.get_experiment_by_eid(made.eid)
    changed = client.update_experiment(made.uuid, title=f"{mark} a-b")
    assert (changed.title, changed.description, changed.tags) == (f"{mark} a-b", "text", ["Old"])
    assert client.add_tags_to_experiment(made.uuid, ["new"]).tags == ["Old", "new"]
    assert client.remove_tag_from_experiment(made.uuid, "old").tags == ["new"]
    found = client.get_experiments(limit=10, offset=0, title=f"{mark} a_b", tags=["new"])
    assert ([one.uuid for one in found.experiments], found.total_count) == ([made.uuid], 1)
    assert "new" in client.get_tags(limit=500, offset=0, dangling=True).tags
    client.remove_experiment(made.uuid)
    with pytest.raises(RemoteOperationError):
        client.get_experiment(made.uuid)


def test_files(client: AqueductClient, tmp_path: Path) -> None:
    uuid = client.create_experiment(uuid4().hex, "").uuid
    (tmp_path / "a.txt").write_bytes(b"content")
    client.upload_file(uuid, str(tmp_path / "a.txt"))
    [file] = client.get_experiment(uuid).files
    assert (file.name, file.path) == ("a.txt", f"/api/files/{uuid}")
    (tmp_path / "there").mkdir()
    client.download_file(uuid, "a.txt", str(tmp_path / "there"))
    assert (tmp_path / "there" / "a.txt").read_bytes() == b"content"
    client.remove_files_from_experiment(uuid, ["a.txt"])
    assert client.get_experiment(uuid).files == []


def test_extensions_and_tasks(client: AqueductClient) -> None:
    assert EXTENSION in [one.name for one in client.get_extensions()]
    experiment = client.create_experiment(uuid4().hex, "")
    result = client.execute_extension_action(EXTENSION, "fail", {"where": experiment.eid})
    assert (result.returnCode, result.stdout) == (3, "before\n")
    [task] = client.get_tasks(limit=10, offset=0, experiment_uuid=str(experiment.uuid))
    assert client.get_task(task.task_id) == task
    assert (task.task_status, task.experiment.eid) == ("FAILURE", experiment.eid)
    assert [one.key.name for one in task.parameters] == ["where"]
    assert client.cancel_task(str(task.task_id)).taskStatus == "FAILURE"
    with pytest.raises(RemoteOperationError):
        client.execute_extension_action(EXTENSION, "none", {})


def test_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AQSYNC_API_TOKEN", raising=False)
    monkeypatch.setenv("API_TOKEN", "a token")
    assert Settings().api_token == "a token"
