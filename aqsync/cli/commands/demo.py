"""``aqsync demo``: the main job from end to end, on a server of its own, and the proof."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import signal
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from types import FrameType

import click

from aqsync.aqueduct.api import API
from aqsync.aqueduct.experiment import Experiment
from aqsync.cli.local_path import PATH
from aqsync.cli.output import complain, say
from aqsync.config import Config, load_config
from aqsync.demo.processes import run, running_server, serve_arguments, shown
from aqsync.demo.sample import SAMPLE_TAGS, make_sample
from aqsync.demo.verify import differences, selected_files
from aqsync.errors import ConfigError, ExitCode
from aqsync.layout.manifest import is_manifest_name
from aqsync.local.ignore_file import load_rules
from aqsync.local_time import local_text
from aqsync.paths import absolute
from aqsync.sync.connection import connect
from aqsync.wording import counted, size_text

SHOWN_FILES = 200
"""A longer list on the server is cut."""

_OWN_FOLDER_TAGS = """\
      - match: "*"
        add: [aqsync-demo]
"""
_ANSWER_TIMEOUT_S = 30.0


@click.command(epilog="Example: aqsync demo ~/measurements")
@click.argument(
    "directory",
    required=False,
    type=PATH,
    help="Your own folder, which is only read; by default a sample of lab files is made.",
)
def demo(*, directory: Path | None) -> ExitCode:
    """Show the main job from end to end, on a server of its own, and check the result.

    Exit status: 0 if all that was selected is on the server with the same content, and nothing
    else; 1 if not.
    """
    if directory is not None:
        directory = _usable(directory)
    try:
        # However it ends, the server is stopped, and then its folder removed.
        with _interrupted_once(), tempfile.TemporaryDirectory(prefix="aqsync-demo-") as temporary:
            return _show(Path(temporary), directory)
    except KeyboardInterrupt:
        complain("interrupted; the server is stopped and the temporary folder is gone")
        return ExitCode.INTERRUPTED


def _usable(directory: Path) -> Path:
    folder = absolute(directory)
    if not folder.is_dir():
        raise ConfigError(f"{directory} is not a directory", hint="name a folder to push")
    if not str(folder).isprintable():
        raise ConfigError(
            f"the path {str(folder)!r} has characters that cannot stand in a configuration",
            hint="name the folder through a symbolic link, or another folder",
        )
    if Path(tempfile.gettempdir()).resolve().is_relative_to(folder.resolve()):
        raise ConfigError(
            f"the folder for temporary files, {tempfile.gettempdir()}, lies in {folder}",
            hint="nothing may be written there: set TMPDIR to another folder",
        )
    return folder


def _show(temporary: Path, directory: Path | None) -> ExitCode:
    say("This shows the main job of aqsync: from a folder on this disk to an experiment on an")
    say("Aqueduct server. The server runs on this machine, for this demo only.")
    _step("The folder to push")
    root = directory
    if root is None:
        root = temporary / "lab"
        make_sample(root)
        say(f"A sample of lab files was made in {root}")
    else:
        say(f"Your own folder {root}; it is only read")
        _check_room(root, temporary)
    token_file = temporary / "token"
    token_file.touch(mode=0o600)
    token_file.write_text(secrets.token_urlsafe(24))

    _step("A server")
    serve = serve_arguments(temporary / "server", token_file)
    say(f"$ {shown(serve)}")
    with running_server(serve) as url:
        say(f"listening on {url}")
        with API(url, _ANSWER_TIMEOUT_S, token=token_file.read_text()) as api:
            experiment = api.create_experiment("aqsync demo", f"What `aqsync demo` made of {root}")
            say(f"The client library made the experiment {experiment.eid} on it")
            tags = SAMPLE_TAGS if directory is None else _OWN_FOLDER_TAGS
            config = _write_config(temporary, url, root, experiment.eid, tags)
            return _push_and_prove(config, experiment)


def _check_room(root: Path, temporary: Path) -> None:
    size = sum(
        (Path(folder) / name).lstat().st_size
        for folder, _, names in os.walk(root)
        for name in names
    )
    free = shutil.disk_usage(temporary).free
    if size >= free:
        raise ConfigError(
            f"the server's copy may take {size_text(size)}, and {temporary.parent} has"
            f" {size_text(free)} free",
            hint="set TMPDIR to a folder with more room, or name a smaller folder",
        )


def _write_config(temporary: Path, url: str, root: Path, eid: str, tags: str) -> Config:
    _step("A configuration")
    path = temporary / "aqsync.yaml"
    text = f"""\
server:
  url: {url}
  token_file: token
journal: journal.db
defaults:
  settle: 1s
mappings:
  - name: demo
    directory: {json.dumps(str(root), ensure_ascii=False)}
    experiment: {eid}
    tags:
{tags}"""
    path.write_text(text, encoding="utf-8")
    say(f"{path}:")
    for line in text.splitlines():
        say(f"  {line}")
    return load_config(path)


def _push_and_prove(config: Config, experiment: Experiment) -> ExitCode:
    wrong: list[str] = []
    _step("The push")
    wrong += _push(config)

    _step("What the server has now")
    listed = _files(experiment)
    _tell_listed(experiment, listed)

    _step("The proof: every file is read back, and its SHA-256 compared")
    wrong += _proof(config, experiment, {name for name, _ in listed})

    _step("Once more: what is there already is not sent again")
    wrong += _push(config)
    resent = len(set(_files(experiment)) - set(listed))
    if resent:
        wrong.append(f"the second push sent files that were there or are new: {resent}")
    else:
        say("The server lists the same files with the same times as before")

    _step("The result")
    if wrong:
        for line in wrong:
            complain(f"differs: {line}")
        complain("What is here and what the server has are not the same")
        return ExitCode.INCOMPLETE
    say("All that was selected here is on the server, byte for byte, and nothing else")
    return ExitCode.OK


def _push(config: Config) -> list[str]:
    push = ["push", "--config", str(config.path)]
    say(f"$ {shown(push)}")
    status = run(push)
    if status == ExitCode.OK:
        return []
    return [f"`aqsync push` ended with exit status {status}; it said above why"]


def _files(experiment: Experiment) -> list[tuple[str, datetime]]:
    """Names and times of an experiment's files; the manifest, which tells of them, is none."""
    return sorted(each for each in experiment.files if not is_manifest_name(each[0]))


def _tell_listed(experiment: Experiment, listed: Sequence[tuple[str, datetime]]) -> None:
    for name, modified_at in listed[:SHOWN_FILES]:
        say(f"  {local_text(modified_at)}  {name}")
    if len(listed) > SHOWN_FILES:
        say(f"  ... and {len(listed) - SHOWN_FILES} more")
    say(
        f"{counted(len(listed), 'file')} in {experiment.eid};"
        f" tags: {', '.join(experiment.tags) or 'none'}"
    )
    say("A manifest beside them tells where each came from")
    say("Names are flat there: ~ stands for /, and =XX for a byte that a name cannot have")


def _proof(config: Config, experiment: Experiment, listed: set[str]) -> list[str]:
    [mapping] = config.mappings
    rules = load_rules(mapping)
    paths = selected_files(mapping.directory, rules)
    earned = {tag.lower() for path in paths.values() for tag in rules.tags_of(path)}
    wrong = [
        f"the tag {tag} is not what the rules give"
        for tag in sorted(earned ^ {tag.lower() for tag in experiment.tags})
    ]
    size = 0

    with closing(connect(config)) as server:

        def remote_sha256(name: str) -> bytes:
            nonlocal size
            digest = hashlib.sha256()
            with server.download(experiment.uuid, name) as download:
                for chunk in download.chunks():
                    digest.update(chunk)
                    size += len(chunk)
            return digest.digest()

        local = {name: mapping.directory / path for name, path in paths.items()}
        wrong += differences(local, listed, remote_sha256)
    say(f"{counted(len(listed), 'file')} read back, {size_text(size)}; different: {len(wrong)}")
    return wrong


def _step(title: str) -> None:
    say("")
    say(f"== {title}")


@contextmanager
def _interrupted_once() -> Iterator[None]:
    """Turn the first signal into `KeyboardInterrupt`, and ignore others during the clean-up."""
    names = ("SIGINT", "SIGTERM", "SIGHUP")
    numbers = [number for number in signal.Signals if number.name in names]
    before = {number: signal.getsignal(number) for number in numbers}

    def interrupted(_number: int, _frame: FrameType | None) -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number, handler in before.items():
        if handler is not signal.SIG_IGN:  # as under nohup
            signal.signal(number, interrupted)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
