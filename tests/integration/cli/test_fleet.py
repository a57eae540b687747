"""``aqsync fleet`` on the embedded server, without a daemon and without mappings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import yaml

from aqsync.aqueduct.client import Client
from aqsync.clock import SystemClock
from aqsync.config.fleet import FleetConfig
from aqsync.layout.fleet import fleet_name, seal, unseal
from aqsync.service.fleet.files import content_of
from tests.support.embedded import EmbeddedServer
from tests.support.fleet import FleetPc
from tests.support.project import Ran, run

KEY = "a key that is long enough"


class Viewer:
    """A person at a PC that only looks."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.server = Client(url)
        self.experiment = self.server.create_experiment("fleet", "")
        self.key_file = folder / "key"
        self.key_file.write_text(KEY)
        self.key_file.chmod(0o600)
        self.config = folder / "viewer.yaml"
        self.config.write_text(
            f"server: {{url: '{url}'}}\n"
            f"fleet: {{experiment: {self.experiment.eid}, key_file: key}}\n"
        )

    def add(self, name: str) -> str:
        """A PC gives two signs of life; returns the name of its file."""
        section = FleetConfig(experiment=self.experiment.eid, name=name, key_file=self.key_file)
        pc = FleetPc(self.folder / name, self._connect, SystemClock(), section)
        with closing(pc.journal):
            assert [pc.writer.step() for _ in range(2)] == [300.0] * 2
            assert pc.writer.problems() == []
            return fleet_name(name, pc.journal.fleet.own().id)

    def _connect(self) -> Client:
        return Client(self.server.url)

    def look(self, *arguments: str) -> Ran:
        return run("fleet", "--config", self.config, *arguments)


@pytest.fixture
def viewer(tmp_path: Path, embedded_server: EmbeddedServer) -> Iterator[Viewer]:
    made = Viewer(tmp_path, embedded_server.url)
    with closing(made.server):
        yield made


def test_it_shows_all_pcs_and_ends_with_1_if_one_is_red(viewer: Viewer) -> None:
    ran = viewer.look()
    assert (ran.exit_code, "no PC keeps a status file" in ran.out) == (1, True)
    for name in ("fridge-pc", "laser-pc"):
        viewer.add(name)
    ran = viewer.look()
    assert ran.exit_code == 0, ran.text
    heading, *rows = ran.out.splitlines()
    assert heading.split()[:2] == ["PC", "stands"]
    assert [row.split()[0] for row in rows] == ["fridge-pc", "laser-pc"]
    assert all("all up there" in row for row in rows)
    viewer.server.upload(viewer.experiment.uuid, fleet_name("junk", "0" * 12), [b"junk"], 4)
    ran = viewer.look()
    assert ran.exit_code == 1
    assert ran.out.splitlines()[1].split()[:3] == ["junk", "not", "believed"]
    assert "junk: it is no status file of aqsync" in ran.out
    told = viewer.look("--json").json
    assert told["signatures_checked"]
    assert [pc["name"] for pc in told["pcs"]] == ["junk", "fridge-pc", "laser-pc"]
    assert [pc["red"] for pc in told["pcs"]] == [True, False, False]
    assert KEY not in ran.text


def test_an_old_file_and_a_forged_one_are_shown_as_just_that(viewer: Viewer) -> None:
    name = viewer.add("fridge-pc")
    content = content_of(viewer.server, viewer.experiment.uuid, name)
    assert content is not None
    status = unseal(content, KEY.encode())
    year_ago = status.server_time.replace(year=status.server_time.year - 1)
    old = seal(status.model_copy(update={"server_time": year_ago}), KEY.encode())
    viewer.server.upload(viewer.experiment.uuid, name, [old], len(old))
    ran = viewer.look()
    assert (ran.exit_code, "an old file was uploaded again" in ran.out) == (1, True)
    forged = seal(status, b"another key, as long")
    viewer.server.upload(viewer.experiment.uuid, name, [forged], len(forged))
    ran = viewer.look()
    assert (ran.exit_code, "its signature is not that of the key" in ran.out) == (1, True)


def test_check_and_doctor_look_at_the_key(viewer: Viewer) -> None:
    mapping = {"name": "a", "directory": str(viewer.folder), "experiment": viewer.experiment.eid}
    text = yaml.safe_load(viewer.config.read_text())
    text |= {"mappings": [mapping], "journal": str(viewer.folder.with_name("state") / "journal.db")}
    text["fleet"] |= {"key_file": str(viewer.folder.with_name("fleet-key"))}
    viewer.config.write_text(yaml.safe_dump(text))
    key_file = viewer.key_file.rename(viewer.folder.with_name("fleet-key"))

    def said() -> str:
        commands = (("check", "--online"), ("doctor", "--only", "messages"))
        return "".join(run(*each, "--config", viewer.config).text for each in commands)

    good = said()
    assert "the key of the fleet can be read" in good
    assert f"experiment {viewer.experiment.eid}: fleet" in good
    assert "its files are signed" in good
    key_file.chmod(0o644)
    assert said().count("other users can read the key file") == 2
