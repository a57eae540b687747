"""Scripts for pyaqueduct catch here what they caught there."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from aqsync import API, Experiment, errors
from aqsync.aqueduct import exceptions
from aqsync.aqueduct.old_names import also_caught_as
from aqsync.errors import (
    AqsyncError,
    ExperimentNotFound,
    FileDownloadError,
    FileRemovalError,
    FileUploadError,
    ForbiddenError,
    LocalError,
    NameNotSendable,
    RemoteFileNotFound,
    RemoteOperationError,
    ServerFailed,
    ServerUnreachable,
    TaskUnfinished,
    TransferRefused,
    UnAuthorizedError,
)
from tests.support.client_faults import answering, detail
from tests.support.raw_server import Peer, RawServer

EXPERIMENT = (
    b'{"data": {"e0": {"uuid": "00000000-0000-4000-8000-000000000001", "eid": "1", "tags": [],'
    b' "title": "t", "description": null, "createdAt": "2026-11-23T10:11:45+00:00",'
    b' "updatedAt": "2026-11-23T10:11:45+00:00"}}}'
)
Handler = Callable[[Peer], None]
Call = Callable[[Experiment, Path], None]


def upload(experiment: Experiment, folder: Path) -> None:
    (folder / "a").write_text("a")
    experiment.upload_file(str(folder / "a"))


def download(experiment: Experiment, folder: Path) -> None:
    experiment.download_file("a", str(folder))


def removal(experiment: Experiment, _: Path) -> None:
    experiment.remove_files(["a"])


def after_the_experiment(then: Handler) -> Handler:
    """Answer the first request, for the experiment, and leave what follows to `then`."""
    first = [True]

    def handler(peer: Peer) -> None:
        if first:
            first.clear()
            peer.request()
            peer.answer("200 OK", EXPERIMENT)
        then(peer)

    return handler


def caught(call: Call, then: Handler, folder: Path) -> AqsyncError:
    with RawServer(after_the_experiment(then)) as raw, API(raw.url, 5) as api:
        experiment = api.get_experiment_by_eid("1")
        with pytest.raises(AqsyncError) as found:
            call(experiment, folder)
    return found.value


def hang_up(peer: Peer) -> None:
    peer.request()


@pytest.mark.parametrize(
    ("call", "old"),
    [(upload, FileUploadError), (download, FileDownloadError), (removal, FileRemovalError)],
)
def test_a_connection_that_breaks_has_both_names(
    call: Call, old: type[AqsyncError], tmp_path: Path
) -> None:
    error = caught(call, hang_up, tmp_path)
    assert isinstance(error, old)
    assert isinstance(error, ServerUnreachable)
    assert not isinstance(error, RemoteOperationError)
    assert type(error).__name__ == "ServerUnreachable"
    assert error.hint
    assert error.exit_code == ServerUnreachable.exit_code


@pytest.mark.parametrize("call", [upload, removal])
def test_a_refusal_is_an_operation_that_failed(call: Call, tmp_path: Path) -> None:
    error = caught(call, answering("400 Bad Request", detail("Invalid file name.")), tmp_path)
    assert type(error) is TransferRefused
    assert isinstance(error, RemoteOperationError)


@pytest.mark.parametrize(
    ("status", "said", "kind"),
    [
        ("404 Not Found", "The requested file is not found.", RemoteFileNotFound),
        ("404 Not Found", "The specified experiment was not found.", ExperimentNotFound),
        ("500 Internal Server Error", "", ServerFailed),
        ("401 Unauthorized", "", UnAuthorizedError),
        ("403 Forbidden", "", ForbiddenError),
    ],
)
def test_whatever_keeps_a_download_from_working_has_both_names(
    status: str, said: str, kind: type[AqsyncError], tmp_path: Path
) -> None:
    error = caught(download, answering(status, detail(said)), tmp_path)
    assert isinstance(error, FileDownloadError)
    assert isinstance(error, kind)
    if isinstance(error, TransferRefused):
        assert error.status == 404


@pytest.mark.parametrize("call", [upload, removal])
@pytest.mark.parametrize(
    ("status", "kind"),
    [("401 Unauthorized", UnAuthorizedError), ("403 Forbidden", ForbiddenError)],
)
def test_a_token_that_is_refused_is_that(
    call: Call, status: str, kind: type[AqsyncError], tmp_path: Path
) -> None:
    error = caught(call, answering(status), tmp_path)
    assert type(error) is kind
    assert not isinstance(error, RemoteOperationError)


def test_what_is_wrong_here_has_both_names_in_a_download(tmp_path: Path) -> None:
    error = caught(download, answering("200 OK", b"a"), tmp_path / "nowhere")
    assert isinstance(error, FileDownloadError)
    assert isinstance(error, LocalError)
    error = caught(lambda e, f: e.download_file("a/b", f), answering("200 OK"), tmp_path)
    assert isinstance(error, FileDownloadError)
    assert isinstance(error, NameNotSendable)


def test_a_file_to_upload_that_is_missing_is_pythons_error_too(tmp_path: Path) -> None:
    error = caught(lambda e, f: e.upload_file(f / "missing"), answering("200 OK"), tmp_path)
    assert isinstance(error, FileNotFoundError)
    assert str(error) == error.message == f"there is no file {str(tmp_path / 'missing')!r}"


def test_errors_travel_between_processes() -> None:
    with pytest.raises(FileDownloadError) as caught, also_caught_as(FileDownloadError):
        raise RemoteFileNotFound("no such file", hint="look again", status=404)
    for error in (
        caught.value,
        ServerUnreachable("gone", hint="wait"),
        TransferRefused("too large", status=413),
        TaskUnfinished("not yet", task_id=uuid4()),
        errors.FileToUploadNotFoundError("there is no file"),
    ):
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is type(error)
        assert (str(again), vars(again)) == (str(error), vars(error))


def test_an_error_gets_its_second_name_once() -> None:
    with (
        pytest.raises(FileDownloadError) as caught,
        also_caught_as(FileDownloadError),
        also_caught_as(FileDownloadError),
    ):
        raise ServerUnreachable("gone")
    kinds = [kind.__name__ for kind in type(caught.value).__mro__]
    assert kinds.count("FileDownloadError") == 1


def test_the_old_module_has_the_old_names() -> None:
    for name in exceptions.__all__:
        assert getattr(exceptions, name) is getattr(errors, name)
        assert issubclass(getattr(errors, name), AqsyncError)
