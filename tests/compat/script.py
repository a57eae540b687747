"""What a laboratory's script written for pyaqueduct does; test_old_client.py runs it.

Usage: ``python script.py URL FOLDER``. It needs a server without experiments, uses nothing that
pyaqueduct 0.1.0 does not have, and prints the same wherever and whenever it runs.
"""

from __future__ import annotations

import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

from pyaqueduct import API  # type: ignore[import-not-found]  # in an environment of its own
from pyaqueduct.exceptions import (  # type: ignore[import-not-found]  # the same
    FileDownloadError,
    FileUploadError,
    ForbiddenError,
    PyAqueductError,
    RemoteOperationError,
    UnAuthorizedError,
)
from pyaqueduct.experiment import Experiment  # type: ignore[import-not-found]  # the same


def show(what: str, *values: object) -> None:
    print(f"{what}:", *values)  # noqa: T201 - what it prints is compared


def numbers(experiments: list[Experiment]) -> list[str]:
    """The experiments' numbers within the day; the day itself changes."""
    return [experiment.eid.partition("-")[2] for experiment in experiments]


def aware(moment: datetime) -> bool:
    now = datetime.now(timezone.utc)  # noqa: UP017 - as the old client's Pythons have it
    return abs(now - moment) < timedelta(minutes=5)


def raised(call: object, *arguments: object) -> list[str]:
    """The names of pyaqueduct's own that catch what a call raises."""
    known = (
        FileDownloadError,
        FileUploadError,
        ForbiddenError,
        PyAqueductError,
        RemoteOperationError,
        UnAuthorizedError,
        FileNotFoundError,
        ValueError,
    )
    try:
        call(*arguments)  # type: ignore[operator]  # whatever can be called
    except Exception as exc:  # noqa: BLE001 - what it is, is the question
        names = [kind.__name__ for kind in known if isinstance(exc, kind)]
        return ["PyAqueductError" if name == "AqsyncError" else name for name in names]
    return []


def experiments(api: API) -> Experiment:
    """Create, find and change experiments; return the first."""
    first = api.create_experiment(title="Cooldown 7", description="first")
    second = api.create_experiment("T1 of µ-wave qubit", "")
    show("created", numbers([first, second]), aware(first.created_at), first.title)
    show("by eid", api.get_experiment_by_eid(first.eid).uuid == first.uuid)
    show("by uuid", api.get_experiment_by_uuid(uuid=second.uuid).eid == second.eid)
    show("by uuid as text", api.get_experiment_by_uuid(str(second.uuid)).eid == second.eid)

    before = first.updated_at
    first.title = "Cooldown 8"
    first.description = "two\nlines: µ, 漢"
    show("changed", first.title, repr(first.description), first.updated_at > before)
    first.title = ""
    show("an empty title changes nothing", first.title)

    show("newest first", numbers(api.find_experiments()))
    show("by title", numbers(api.find_experiments(search="cooldown")))
    show("by eid", numbers(api.find_experiments(second.eid)))
    show("nothing", api.find_experiments("no such thing"))
    show("limit", numbers(api.find_experiments(limit=1)))
    show("offset", numbers(api.find_experiments(limit=1, offset=1)))
    hour = timedelta(hours=1)
    show("later", numbers(api.find_experiments(start_datetime=second.created_at + hour)))
    show("earlier", numbers(api.find_experiments(end_datetime=second.created_at - hour)))
    show("between", numbers(api.find_experiments(None, 5, 0, None, first.created_at, None)))
    return first


def tags(api: API, experiment: Experiment) -> None:
    show("no tags", experiment.tags)
    experiment.add_tags(["Cold", "qubit:3"])
    experiment.add_tags(tags=["COLD"])
    show("tags", sorted(experiment.tags))
    show("by tag", numbers(api.find_experiments(tags=["cold", "warm"])))
    show("by other tag", numbers(api.find_experiments(tags=["warm"])))
    experiment.remove_tag("cold")
    show("one tag", experiment.tags)
    show("a tag that is not there", raised(experiment.remove_tag, "cold"))
    show("a tag that is none", raised(experiment.add_tags, ["no blanks"]))


def files(experiment: Experiment, folder: Path) -> None:
    contents = {"iq data.csv": b"i,q\n1,2\n", "empty": b"", "array.npy": bytes(range(256)) * 8192}
    for name, content in contents.items():
        (folder / name).write_bytes(content)
        experiment.upload_file(str(folder / name))
    (folder / "empty").write_bytes(b"no more")
    experiment.upload_file(file=str(folder / "empty"))
    listed = sorted(experiment.files)
    show("files", [name for name, _ in listed], all(aware(moment) for _, moment in listed))

    down = folder / "down"
    down.mkdir()
    for name in contents:
        experiment.download_file(name, str(down))
        show(name, (down / name).read_bytes() == (folder / name).read_bytes())
    experiment.download_file(file_name="empty", destination_dir=str(down))
    show("downloaded", sorted(path.name for path in down.iterdir()))

    show("no folder", raised(experiment.download_file, "empty", str(folder / "nowhere")))
    missing = raised(experiment.upload_file, str(folder / "missing"))
    show("no file", "FileNotFoundError" in missing)
    (folder / "a:b").write_bytes(b"")
    show("no name", raised(experiment.upload_file, str(folder / "a:b")))
    show("no text", raised(experiment.upload_file, 7))


def extensions(api: API) -> None:
    for extension in api.get_extensions():
        show("extension", extension.name, "|", extension.description, "|", extension.authors)
        for action in extension.actions:
            show("action", action.name, "|", action.description)
            show("experiment", action.experiment_variable_name, action.extension is extension)
            for each in action.parameters:
                show("parameter", each.name, each.displayName, each.description, each.dataType)
                show("default", each.defaultValue, each.options)


def main(url: str, folder: Path) -> None:
    api = API(url=url, timeout=300)  # which only a hang takes
    first = experiments(api)
    tags(api, first)
    files(first, folder)
    extensions(api)
    show("no experiment", raised(api.get_experiment_by_eid, "20000101-1"))
    show("no identifier", raised(api.get_experiment_by_uuid, "no identifier"))
    show("too many", raised(api.find_experiments, None, 501))
    show("too few", raised(api.find_experiments, None, 0))
    second = api.find_experiments("T1")[0]
    for experiment in (first, second):
        api.remove_experiment_by_eid(eid=experiment.eid)
        show("removed", raised(lambda found: found.title, experiment))
    show("gone", api.find_experiments(), raised(api.remove_experiment_by_eid, first.eid))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
