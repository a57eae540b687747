"""``aqsync tags``."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.support.remote import Remote


def own_tags(*names: str) -> list[str]:
    """Tags that no other test has: a server puts those that it knows before new ones."""
    mark = uuid4().hex
    return [f"{name}-{mark}" for name in names]


def test_add_and_list(remote: Remote) -> None:
    b, a, c = own_tags("b", "a:1", "c")
    assert remote.did("tags", "add", remote.eid, b, a) == f"tags of {remote.eid}: {b}, {a}\n"
    added = remote.json("tags", "add", remote.eid, b.upper(), c)
    assert added == {"eid": remote.eid, "tags": [b, a, c]}
    assert remote.did("tags", "list", remote.eid) == f"{b}\n{a}\n{c}\n"
    assert remote.json("tags", "list", str(remote.experiment.uuid)) == [b, a, c]


def test_errors_name_the_experiment_by_its_eid(remote: Remote) -> None:
    complaint = remote.refused(1, "tags", "add", remote.eid, "not a tag")
    assert remote.eid in complaint
    assert str(remote.experiment.uuid) not in complaint
    remote.refused(2, "tags", "add", remote.eid)


def test_an_experiment_without_tags(remote: Remote) -> None:
    ran = remote.run("tags", "list", remote.eid)
    assert (ran.exit_code, ran.out, ran.err) == (0, "", f"{remote.eid} has no tags\n")
    assert remote.json("tags", "list", remote.eid) == []


def test_all_tags_of_the_server(remote: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aqsync.aqueduct.client._TAGS_CHUNK", 2)
    mine = {f"all-{uuid4().hex}" for _ in range(5)}
    remote.server.add_tags(remote.experiment.uuid, sorted(mine))
    assert mine <= set(remote.did("tags", "list").splitlines())
    listed = remote.json("tags", "list")
    assert mine <= set(listed)
    assert len(listed) == len(set(listed))
    assert listed == sorted(listed, key=str.casefold)


def test_remove(remote: Remote) -> None:
    cool, b, c = own_tags("Cool", "b", "c")
    remote.server.add_tags(remote.experiment.uuid, [cool, b, c])
    assert "no terminal" in remote.refused(2, "tags", "remove", remote.eid, b)
    assert "no tag zz" in remote.refused(1, "tags", "remove", remote.eid, b, "zz", "--yes")
    assert remote.json("tags", "list", remote.eid) == [cool, b, c]
    out = remote.did("tags", "remove", remote.eid, cool.lower(), cool.upper(), "--yes")
    assert out == f"tags of {remote.eid}: {b}, {c}\n"
    left = remote.json("tags", "remove", remote.eid, b, c, "--yes")
    assert left == {"eid": remote.eid, "tags": []}
