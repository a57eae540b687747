"""What the files of a folder tell of its experiment, and what hostile ones cannot do."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest

from aqsync.config.metadata import Metadata, MetadataFormat
from aqsync.local.disk import REAL_DISK
from aqsync.local.metadata import child, tuid
from aqsync.local.metadata.folder import MetadataReader
from aqsync.local.metadata.found import Failed, Found, NotThereYet, Values
from aqsync.local.metadata.limits import ANSWER
from aqsync.local.metadata.picked import pick
from aqsync.local.metadata.readers import READERS, Unreadable
from aqsync.local.snapshot import Snapshots
from tests.support.databases import listed
from tests.support.fake_clock import FakeClock

REAL = Path(__file__).parent / "real"


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read in this process, which costs milliseconds."""

    def read(file: int, form: MetadataFormat, paths: Mapping[str, str]) -> dict[str, list[str]]:
        try:
            return pick(READERS[form.value](file), paths)
        except (Unreadable, sqlite3.Error) as exc:
            raise child.ReadingFailed(str(exc)) from exc

    monkeypatch.setattr(child, "read", read)


def reader_of(root: Path, **section: object) -> MetadataReader:
    metadata = Metadata.model_validate(section)
    snapshots = Snapshots(root.parent / "snapshots", FakeClock())
    return MetadataReader(root, metadata, REAL_DISK, snapshots)


def told(root: Path, folder: str = "run", **section: object) -> Found:
    found = reader_of(root, **section).metadata_of(folder)
    return found if isinstance(found, NotThereYet) else found._replace(seen="")


def write(root: Path, name: str, content: str | bytes) -> Path:
    path = root / "run" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize("content", ["{", '{"other": 1}'])
@pytest.mark.usefixtures("here")
def test_what_did_not_tell_all_is_read_again_once_it_stands_otherwise(
    root: Path, content: str
) -> None:
    write(root, "node.json", content)
    reader = reader_of(root, **{"from": "node.json"}, title="$.name")
    found = reader.metadata_of("run")
    assert isinstance(found, Failed | Values)
    assert reader.metadata_of("run", found.seen) == NotThereYet("node.json")
    write(root, "node.json", '{"name": "T1"}')
    again = reader.metadata_of("run", found.seen)
    assert isinstance(again, Values)
    assert again.title == "T1"


@pytest.mark.usefixtures("here")
def test_a_database_is_read_again_once_its_log_stands_otherwise(root: Path) -> None:
    write(root, "runs.db", "broken")
    reader = reader_of(root, **{"from": "runs.db"}, format="qcodes", title="$.name")
    found = reader.metadata_of("run")
    assert isinstance(found, Failed)
    assert reader.metadata_of("run", found.seen) == NotThereYet("runs.db")
    write(root, "runs.db-wal", "more")
    assert isinstance(reader.metadata_of("run", found.seen), Failed)


def test_a_json_file_tells_title_description_and_tags(root: Path) -> None:
    write(
        root,
        "node.json",
        '{"metadata": {"name": "T1", "run": 7, "qubits": ["q1", "q2", "q1"], "ok": true}}',
    )
    found = told(
        root,
        **{"from": "node.json"},
        title="$.metadata.name",
        description="$.metadata.run",
        tags={"qubit": "$.metadata.qubits", "ok": "$.metadata.ok", "fridge": "$.fridge"},
    )
    tags = {"qubit": ("q1", "q2"), "ok": ("true",), "fridge": ()}
    assert found == Values("T1", "7", tags, ("$.fridge",))


@pytest.mark.usefixtures("here")
def test_yaml_with_dates(root: Path) -> None:
    write(root, "settings.yaml", "name: T1\ntaken: 2026-11-23\nqubits: {q1: {f: 4.5}}\n")
    found = told(root, **{"from": "*.yaml"}, title="$.taken", description="$.qubits.q1.f", tags={})
    assert found == Values("2026-11-23", "4.5", {})


@pytest.mark.usefixtures("here")
def test_attributes_of_hdf5(root: Path) -> None:
    write(root, "a.h5", (REAL / "attributes.h5").read_bytes())
    found = told(
        root,
        **{"from": "*.h5"},
        title="$.attributes.name",
        description="$.members.entry.attributes.title",
        tags={
            "unit": "$..units",
            "limit": "$.attributes.limits",
            "many": "$.attributes.many",
            "empty": "$.attributes.empty",
        },
    )
    assert isinstance(found, Values)
    assert found[:2] == ("T1", "qubit één")
    assert found.tags == {"unit": ("ns",), "limit": ("0.5", "1.5"), "many": (), "empty": ()}


@pytest.mark.usefixtures("here")
def test_no_data_is_unpacked_for_an_attribute(root: Path) -> None:
    """The dataset has 4 GiB in 40 kB."""
    write(root, "bomb.nc", (REAL / "bomb.h5").read_bytes())
    found = told(root, **{"from": "*.nc"}, title="$.members.bomb.attributes.title")
    assert found == Values("bomb", None, {})


class SlowClock(FakeClock):
    """Each look at it takes half a minute."""

    def monotonic(self) -> float:
        self.advance(30)
        return super().monotonic()


@pytest.mark.usefixtures("here")
def test_a_database_that_takes_long_to_copy_costs_its_metadata(root: Path) -> None:
    place = write(root, "experiments.db", b"")
    place.unlink()
    with closing(sqlite3.connect(place)) as database:
        database.execute("CREATE TABLE runs (run_id INTEGER)")
    metadata = Metadata.model_validate({"from": "experiments.db", "title": "$.run.name"})
    snapshots = Snapshots(root.parent / "snapshots", SlowClock())
    found = MetadataReader(root, metadata, REAL_DISK, snapshots).metadata_of("run")
    assert isinstance(found, Failed)
    assert "took more than 60 s" in found.why
    assert list((root.parent / "snapshots").iterdir()) == []


@pytest.mark.usefixtures("here")
def test_the_newest_run_of_qcodes_while_it_is_written(root: Path) -> None:
    place = write(root, "experiments.db", b"")
    place.unlink()
    with closing(sqlite3.connect(place, isolation_level=None)) as database:
        database.executescript("""
            PRAGMA journal_mode = WAL;
            CREATE TABLE experiments (exp_id INTEGER, name TEXT, sample_name TEXT);
            CREATE TABLE runs (run_id INTEGER, exp_id INTEGER, name TEXT, guid TEXT,
                run_timestamp REAL, completed_timestamp REAL, parameters TEXT, snapshot TEXT);
            INSERT INTO experiments VALUES (1, 'cooldown', 'chip-7');
            INSERT INTO runs VALUES (1, 1, 'T1', 'a', 0, 9, 'x,y', '{"station": {"f": 1}}');
            INSERT INTO runs VALUES (2, 1, 'T2', 'b', 60, NULL, 'x,y', '{"station": {"f": 2}}');
        """)
        before = listed(root)
        found = told(
            root,
            **{"from": "experiments.db"},
            title="$.run.name",
            description="$.run.started",
            tags={"f": "$.run.snapshot.station.f", "sample": "$.runs[1].sample", "end": "$.run.x"},
        )
        assert listed(root) == before
    tags = {"f": ("2",), "sample": ("chip-7",), "end": ()}
    assert found == Values("T2", "1970-01-01T00:01:00+00:00", tags, ("$.run.x",))


def test_a_name_of_quantify(root: Path) -> None:
    folder = "20261123/20261123-104230-123-abcdef-T1 sweep"
    found = told(root, folder, format="tuid", title="$.name", tags={"day": "$.date"})
    assert found == Values("T1 sweep", None, {"day": ("2026-11-23",)})
    assert isinstance(told(root, "other", format="tuid", title="$.name"), Failed)
    assert tuid.read("20261323-104230-123-abcdef") is None


@pytest.mark.parametrize("name", ["node.json", "*.json", "deeper/node.json"])
def test_a_file_that_is_not_there_may_come(root: Path, name: str) -> None:
    (root / "run").mkdir()
    assert told(root, **{"from": name}, title="$.a") == NotThereYet(name)
    assert told(root, "gone", **{"from": name}, title="$.a") == NotThereYet(name)


@pytest.mark.usefixtures("here")
def test_the_first_of_several_files_counts(root: Path) -> None:
    for name in ("b.json", "a.json"):
        write(root, name, f'"{name}"')
    assert told(root, **{"from": "*.json"}, title="$") == Values("a.json", None, {})


def test_links_fifos_and_folders_are_not_read(root: Path) -> None:
    secret = root.parent / "secret.json"
    secret.write_text('"secret"')
    run = root / "run"
    run.mkdir()
    os.mkfifo(run / "fifo.json")
    (run / "folder.json").mkdir()
    (run / "link.json").symlink_to(secret)
    (run / "way").symlink_to(root.parent)
    for name in ("fifo.json", "folder.json", "link.json"):
        assert isinstance(told(root, **{"from": name}, title="$"), Failed), name
    assert told(root, **{"from": "way/secret.json"}, title="$") == NotThereYet("way/secret.json")


DEEP = "[" * 200_000
LAUGHS = "a: &a [ha, ha]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{chr(ord(name) - 1)}'] * 9)}]\n" for name in "bcdefghijk"
)
CYCLE = "a: &a [*a]\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("deep.json", DEEP),
        ("broken.json", "{"),
        ("no.json", b"\xff\xfe\x00"),
        ("cyclic.yaml", CYCLE),
        ("code.yaml", "!!python/object/apply:os.system [true]"),
        ("no.h5", b"\x89HDF\r\n\x1a\n" + bytes(200)),
        ("no.db", b"SQLite format 3\0" + bytes(84)),
    ],
)
def test_a_file_that_cannot_be_read_costs_the_metadata(
    root: Path, name: str, content: str | bytes
) -> None:
    path = write(root, name, content)
    found = told(root, **{"from": name}, title="$..title")
    if isinstance(found, Values):  # a cycle holds no text
        assert (name, found.title) == ("cyclic.yaml", None)
    else:
        assert isinstance(found, Failed)
        assert found.why.startswith(f"{path}: ")


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("laughs.yaml", LAUGHS),
        ("deep.yaml", DEEP),
        ("huge.json", b'["' + b"x" * (33 << 20) + b'"]'),
        ("wide.json", b"[" + b"[]," * (8 << 20) + b"[]]"),
    ],
)
def test_a_file_that_takes_too_much_costs_the_metadata(
    root: Path, name: str, content: str | bytes
) -> None:
    write(root, name, content)
    found = told(root, **{"from": name}, title="$..title")
    assert isinstance(found, Failed) or found == Values(None, None, {}, ("$..title",))


def test_the_process_is_limited_and_told_nothing(
    root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A library that is taken over finds no token, cannot write, and is ended."""
    package = tmp_path / "path" / "jsonpath"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(
        "import os, resource\n"
        "def finditer(path, document):\n"
        "    if path == '$.end': os.kill(os.getpid(), 9)\n"
        "    if path == '$.long': raise ValueError('x' * 10**6)\n"
        "    limits = [resource.getrlimit(each)[0] for each in"
        " (resource.RLIMIT_CPU, resource.RLIMIT_AS, resource.RLIMIT_FSIZE)]\n"
        "    class Match: obj = [str(limits), ' '.join(sorted(os.environ))]\n"
        "    return [Match()]\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{package.parent}:{Path(__file__).parents[4]}")
    monkeypatch.setenv("AQSYNC_API_TOKEN", "secret")
    write(root, "node.json", "{}")
    found = told(root, **{"from": "node.json"}, title="$.a", tags={"x": "$.a"})
    assert isinstance(found, Values)
    limits, variables = found.tags["x"]
    assert limits == f"[10, {1 << 30}, {ANSWER}]"
    assert "TOKEN" not in variables
    killed = told(root, **{"from": "node.json"}, title="$.end")
    assert isinstance(killed, Failed)
    assert killed.why.endswith("the process that read it ended with signal 9")


def test_a_process_that_does_not_end_is_killed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "PATIENCE_S", 0.0)
    write(root, "node.json", "{}")
    found = told(root, **{"from": "node.json"}, title="$.a")
    assert isinstance(found, Failed)
    assert "took more than 0 s" in found.why


@pytest.mark.parametrize("answer", [b"", b"[]", b'{"values": []}', b'{"values": {"a": 3}}', DEEP])
def test_an_answer_is_believed_no_more_than_the_file(answer: str | bytes) -> None:
    with pytest.raises(child.ReadingFailed):
        child._heard(answer.encode() if isinstance(answer, str) else answer)


def test_a_process_that_may_not_be_limited_reads_nothing(
    root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As in a service whose unit is of an earlier release."""
    module = tmp_path / "path" / "resource.py"
    module.parent.mkdir()
    module.write_text(
        "RLIM_INFINITY = RLIMIT_CPU = RLIMIT_AS = RLIMIT_FSIZE = RLIMIT_NOFILE = RLIMIT_CORE = 1\n"
        "def getrlimit(number): raise PermissionError\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{module.parent}:{Path(__file__).parents[4]}")
    write(root, "node.json", '"x"')
    found = told(root, **{"from": "node.json"}, title="$")
    assert isinstance(found, Failed)
    assert found.why.endswith("renew its unit")


def test_every_format_that_reads_a_file_has_a_reader() -> None:
    assert {*READERS} == {*MetadataFormat} - {MetadataFormat.TUID}


@pytest.mark.long
def test_no_damage_to_an_hdf5_file_raises_anything(tmp_path: Path) -> None:
    whole = (REAL / "attributes.h5").read_bytes()
    place = Path(shutil.copy(REAL / "attributes.h5", tmp_path))
    for at in range(0, len(whole), 331):
        place.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        with place.open("rb") as file:
            try:
                child.read(file.fileno(), MetadataFormat.HDF5, {"title": "$..units"})
            except child.ReadingFailed:
                continue
