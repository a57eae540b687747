"""What a person meets who works with the client library in a notebook."""

from __future__ import annotations

import copy
import pickle
import traceback
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from aqsync import API, Experiment, Extension, ExtensionAction, Task
from aqsync.aqueduct.extension_data import ExtensionActionData, ExtensionParameterData
from aqsync.aqueduct.transfer_bar import transfer_bar
from aqsync.errors import (
    AlreadyThere,
    ConfigError,
    ExperimentNotFound,
    FileDownloadError,
    RemoteError,
    RemoteFileNotFound,
    ServerUnreachable,
    WrongArgument,
)
from docs.docstrings import public_members

NOBODY = "http://127.0.0.1:1"


@pytest.fixture
def experiment(api: API) -> Iterator[Experiment]:
    made = api.create_experiment("Kerr <3>", "two\nlines")
    yield made
    api.remove_experiment_by_eid(made.eid)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "iq.csv"
    path.write_text("i,q\n")
    return path


def test_an_experiment_is_shown_with_its_title(experiment: Experiment) -> None:
    assert repr(experiment) == f"Experiment(eid={experiment.eid!r}, title='Kerr <3>')"
    assert str(experiment) == repr(experiment)
    experiment.title = "Kerr 4"
    assert "Kerr 4" in repr(experiment)


def test_a_notebook_shows_a_table(experiment: Experiment) -> None:
    shown = experiment._repr_html_()
    assert "Kerr &lt;3&gt;" in shown
    assert experiment.created_at.astimezone().isoformat(" ", "seconds") in shown


def test_completion_shows_what_is_meant_for_people(experiment: Experiment) -> None:
    """Some shells ask the object, others its class as well."""
    for kind in (Experiment, Task, Extension, ExtensionAction):
        shown = {name for name in dir(kind) if not name.startswith("_")}
        assert shown == public_members(kind).keys()
        assert not shown & set(dir(BaseModel))
    assert dir(experiment) == dir(Experiment)


def test_what_is_equal_has_the_same_hash(api: API, experiment: Experiment) -> None:
    again = api.get_experiment_by_eid(experiment.eid)
    again.title = "another"
    assert len({experiment, again}) == 1
    with API(NOBODY) as other:
        assert Experiment._of(experiment._last, other._server) != experiment


def test_parts_of_extensions_have_a_hash() -> None:
    parameter = ExtensionParameterData("a", None, None, "select", None, ["x", "y"])
    action = ExtensionActionData("plot", "", "", [parameter])
    extension = Extension(name="e", description=None, authors="a", actions=[])
    assert len({parameter, action, extension}) == 3
    assert extension == Extension(name="e", description=None, authors="a", actions=[])
    assert repr(extension) == "Extension(name='e', actions=[])"


def test_it_is_a_mapping_of_what_was_told_last(api: API, experiment: Experiment) -> None:
    """pandas makes plain columns of a list of mappings, and asks the server for nothing."""
    with API(api.url, 10) as other:
        [found] = other.find_experiments(experiment.eid)
    assert isinstance(found, Mapping)
    assert {**found} == {
        "eid": experiment.eid,
        "title": "Kerr <3>",
        "tags": [],
        "created_at": experiment.created_at,
        "updated_at": found["updated_at"],
        "description": "two\nlines",
        "uuid": experiment.uuid,
    }
    assert len(found) == len(found.keys())


def test_files_are_tuples_that_know_their_size(experiment: Experiment, source: Path) -> None:
    experiment.upload_file(source)
    [file] = experiment.files
    name, uploaded_at = file
    assert (name, uploaded_at) == (file.name, file.uploaded_at) == file
    assert isinstance(uploaded_at, datetime)
    assert file.size == source.stat().st_size
    assert pickle.loads(pickle.dumps([file])) == copy.deepcopy([file]) == [file]
    source.unlink()
    experiment.download_file(file, source.parent)
    assert source.read_text() == "i,q\n"
    [unasked] = experiment.files
    experiment.remove_files([file])
    with pytest.raises(RemoteFileNotFound, match="any more"):
        _ = unasked.size


def test_an_upload_replaces_unless_it_must_not(experiment: Experiment, source: Path) -> None:
    experiment.upload_file(source, overwrite=False)
    source.write_text("newer")
    with pytest.raises(AlreadyThere, match="left as it is") as caught:
        experiment.upload_file(source, overwrite=False)
    assert isinstance(caught.value, FileExistsError)
    assert experiment.files[0].size == 4
    experiment.upload_file(source)
    assert experiment.files[0].size == 5


def test_an_upload_that_another_was_faster_than_replaces_nothing(
    experiment: Experiment, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment.upload_file(source)
    monkeypatch.setattr("aqsync.aqueduct.experiment.listed_files", lambda *_: [])
    source.write_text("newer")
    with pytest.raises(AlreadyThere):
        experiment.upload_file(source, overwrite=False)
    monkeypatch.undo()
    assert experiment.files[0].size == 4


def test_a_download_replaces_unless_it_must_not(experiment: Experiment, source: Path) -> None:
    experiment.upload_file(source)
    source.write_text("mine")
    with pytest.raises(AlreadyThere, match="left as it is") as caught:
        experiment.download_file(source.name, source.parent, overwrite=False)
    assert isinstance(caught.value, FileDownloadError)
    assert source.read_text() == "mine"
    experiment.download_file(source.name, source.parent)
    assert source.read_text() == "i,q\n"


def test_a_bar_is_ready(
    experiment: Experiment, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    experiment.upload_file(source, progress=True)
    experiment.download_file(source.name, source.parent, progress=True)
    shown = capsys.readouterr()
    assert shown.err.count("iq.csv") == 2
    assert "4/4 bytes" in shown.err
    assert shown.out == ""


def test_a_bar_shows_no_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    with transfer_bar("a\x1b[2Jb", stays=True) as moved:
        moved(1, 1)
    assert r"a\x1b[2Jb" in capsys.readouterr().err


WRONG: list[tuple[Callable[[API], Any], str]] = [
    (
        lambda api: api.get_experiment_by_eid(5),  # type: ignore[arg-type]
        "get_experiment_by_eid: eid must be a text (str); 5 is not",
    ),
    (
        lambda api: api.find_experiments(limit=0),
        "find_experiments: limit must be a whole number from 1 on; 0 is not",
    ),
    (
        lambda api: api.find_experiments(tags=["a", 7]),  # type: ignore[list-item]
        "find_experiments: tags must be a list of texts (str) or None; 7 is not (its item 1)",
    ),
    (
        lambda api: api.get_experiment_by_uuid("x" * 100),  # type: ignore[arg-type]
        "get_experiment_by_uuid: uuid must be a UUID; a value of type str is not",
    ),
    (
        lambda api: api.get_experiment_by_eid(),  # type: ignore[call-arg]
        "get_experiment_by_eid: missing required argument: 'eid'",
    ),
    (
        lambda api: api.get_experiment_by_eid("a", "b"),  # type: ignore[call-arg]
        "get_experiment_by_eid: too many arguments without a name",
    ),
    (lambda _: API(None), "API: url must be a text (str); None is not"),  # type: ignore[arg-type]
    (lambda _: API(), "API: missing required argument: 'url'"),  # type: ignore[call-arg]
    (
        lambda _: API(NOBODY, "soon"),  # type: ignore[arg-type]
        "API: timeout must be a number; 'soon' is not",
    ),
    (
        lambda _: API(NOBODY, token=["secret"]),  # type: ignore[arg-type]
        "API: token must be a text (str) or None; a value of type list is not",
    ),
]


@pytest.mark.parametrize(("call", "said"), WRONG)
def test_a_wrong_argument_is_told_in_one_line(call: Callable[[API], Any], said: str) -> None:
    with API(NOBODY) as api, pytest.raises(WrongArgument) as caught:
        call(api)
    assert str(caught.value) == said
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, TypeError)


def test_files_of_a_wrong_type_are_told(experiment: Experiment) -> None:
    with pytest.raises(WrongArgument, match=r"^upload_file: file must be a text \(str\) or a Path"):
        experiment.upload_file(5)  # type: ignore[arg-type]
    with pytest.raises(WrongArgument, match=r"file_name must be a text \(str\) or one of `files`"):
        experiment.download_file(5, ".")  # type: ignore[arg-type]
    with pytest.raises(WrongArgument, match=r"^title must be a text \(str\); 7 is not$"):
        experiment.title = 7  # type: ignore[assignment]


@pytest.mark.parametrize(
    "call", [lambda api: api.find_experiments(), lambda api: next(api.iterate_experiments())]
)
def test_a_server_that_is_down_is_a_short_traceback(call: Callable[[API], Any]) -> None:
    with API(NOBODY) as api, pytest.raises(ServerUnreachable) as caught:
        call(api)
    shown = "".join(traceback.format_exception(caught.value))
    assert shown.count("Traceback") == 1
    assert len(caught.traceback) <= 3  # this test, the call, and the library's outermost function
    assert caught.value.__context__ is not None


def test_a_url_that_cannot_be_used_is_a_short_traceback() -> None:
    with pytest.raises(ConfigError) as caught:
        API("localhost:8000")
    assert len(caught.traceback) <= 3
    shown = traceback.format_exception_only(caught.value)
    assert shown[-1].startswith("hint: write it as http://HOST:PORT"), shown


def test_errors_name_an_experiment_by_its_eid(experiment: Experiment) -> None:
    """Before: by its UUID, wherever a request carries that."""
    calls: list[Callable[[], object]] = [
        lambda: experiment.download_file("not there", "."),
        lambda: experiment.remove_files(["not there"]),
        lambda: experiment.add_tags(["not a tag"]),
        lambda: experiment.remove_tag("not there"),
        lambda: setattr(experiment, "title", "t" * 300),
    ]
    for call in calls:
        with pytest.raises(RemoteError) as refused:
            call()
        assert experiment.eid in str(refused.value)
        assert str(experiment.uuid) not in str(refused.value)


def test_so_do_errors_of_one_that_was_removed(api: API) -> None:
    gone = api.create_experiment("gone", "")
    api.remove_experiment_by_eid(gone.eid)
    for ask in (lambda: gone.title, lambda: gone.files):
        with pytest.raises(ExperimentNotFound, match=gone.eid):
            ask()


def test_an_error_of_a_callback_passes_as_it_is(experiment: Experiment, source: Path) -> None:
    class Model(BaseModel):
        number: int

    def moved(_done: int, _total: int | None) -> None:
        Model(number="x")  # type: ignore[arg-type]

    with pytest.raises(ValueError, match="Model"):
        experiment.upload_file(source, progress=moved)
