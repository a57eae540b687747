"""Syncthing: two instances on this machine that talk to each other and to nobody else."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any
from xml.etree import ElementTree as ET

import httpx

from bench.processes import environment
from bench.running import Running
from bench.stage import Stage
from bench.trees import files_below

_FOLDER = "bench"
_MARKER = ".stfolder"
_WATCH_DELAY_S = 1
"""The least that it takes."""
_VARIABLES = {"STNODEFAULTFOLDER": "1", "STNOUPGRADE": "1"}
_OPTIONS = {
    "globalAnnounceEnabled": "false",
    "localAnnounceEnabled": "false",
    "relaysEnabled": "false",
    "natEnabled": "false",
    "crashReportingEnabled": "false",
    "startBrowser": "false",
    "stunKeepaliveStartS": "0",
    "autoUpgradeIntervalH": "0",
    "urAccepted": "-1",
    "setLowPriority": "false",  # as everybody else here
}
_CONNECTED_S = 60.0
_SCAN_S = 600.0


class Syncthing:
    """A folder that one instance sends and another receives.

    Args:
        stage: Where.
        root: The directory that is sent.
        copy: The one that receives, empty.
    """

    name = "Syncthing"
    program = "syncthing"
    packages = "syncthing"

    def __init__(self, stage: Stage, root: Path, copy: Path) -> None:
        self.root = root
        self._copy = copy
        self._sender, self._receiver = (_Instance(stage.room()) for _ in range(2))
        for instance, place, other, direction in (
            (self._sender, root, self._receiver, "sendonly"),
            (self._receiver, self._copy, self._sender, "receiveonly"),
        ):
            (place / _MARKER).mkdir()
            instance.configure(place, other, direction)

    def start(self) -> Running:
        """Start both; only the sending one is measured, for ours has its server elsewhere too."""
        receiver = self._receiver.start()
        return _Sender(self._sender, receiver)

    def copies(self) -> int:
        """How many files have arrived."""
        return sum(1 for _ in files_below(self._copy))

    def copy_of(self, path: str) -> Path:
        """Where a file arrives."""
        return self._copy / path

    def rescans(self, times: int) -> Iterator[float]:
        """As asked for by way of its API, which answers at the end of the scan."""
        with self.start() as running:
            running.wait_for_rest(_SCAN_S)
            for _ in range(times):
                before = running.cpu_seconds()
                self._sender.post("db/scan", folder=_FOLDER)
                yield running.cpu_seconds() - before


class _Instance:
    """One instance, with its configuration and its index in a folder."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._place = home / "config.xml"
        self._gui, self._port = _free_port(), _free_port()
        subprocess.run(
            ["syncthing", "generate", f"--home={home}"],
            check=True,
            capture_output=True,
            env={**environment(), **_VARIABLES},
        )
        self._configuration = ET.parse(self._place)
        top = self._configuration.getroot()
        self.device = _child(top, "device").attrib["id"]
        self._key = _child(top, "gui/apikey").text or ""

    def configure(self, place: Path, other: _Instance, direction: str) -> None:
        """Let it share one directory with one other instance."""
        top = self._configuration.getroot()
        _child(top, "gui/address").text = f"127.0.0.1:{self._gui}"
        options = _child(top, "options")
        for name, value in {**_OPTIONS, "listenAddress": self.address}.items():
            _child(options, name).text = value
        device = ET.SubElement(top, "device", id=other.device)
        ET.SubElement(device, "address").text = other.address
        folder = ET.SubElement(
            top,
            "folder",
            id=_FOLDER,
            path=str(place),
            type=direction,
            fsWatcherEnabled="true",
            fsWatcherDelayS=str(_WATCH_DELAY_S),
        )
        for shared in (self.device, other.device):
            ET.SubElement(folder, "device", id=shared)
        self._configuration.write(self._place)

    @property
    def address(self) -> str:
        return f"tcp://127.0.0.1:{self._port}"

    @property
    def command(self) -> list[str]:
        return ["syncthing", "serve", f"--home={self._home}", "--no-browser", "--no-restart"]

    @property
    def log(self) -> Path:
        return self._home / "log"

    def start(self) -> Running:
        return Running(self.command, self.log, _VARIABLES)

    def watches(self) -> bool:
        """Whether it is connected, hears of changes, and has nothing left to do."""
        try:
            connections = self._get("system/connections")["connections"]
            status = self._get("db/status", folder=_FOLDER)
        except httpx.HTTPError:
            return False
        connected: bool = any(connection["connected"] for connection in connections.values())
        return connected and status["state"] == "idle" and not status.get("watchError")

    def post(self, path: str, **parameters: str) -> None:
        self._ask("POST", path, parameters)

    def _get(self, path: str, **parameters: str) -> dict[str, Any]:
        found: dict[str, Any] = self._ask("GET", path, parameters).json()
        return found

    def _ask(self, method: str, path: str, parameters: dict[str, str]) -> httpx.Response:
        url = f"http://127.0.0.1:{self._gui}/rest/{path}"
        headers = {"X-API-Key": self._key}
        return httpx.request(
            method, url, params=parameters, headers=headers, timeout=_SCAN_S, trust_env=False
        ).raise_for_status()


class _Sender(Running):
    """The sending instance; it watches when this has been made, and the other ends with it."""

    def __init__(self, instance: _Instance, receiver: Running) -> None:
        self._receiver = receiver
        super().__init__(instance.command, instance.log, _VARIABLES)
        self.wait_until_ready("watching", instance.watches, _SCAN_S)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        super().__exit__(kind, value, trace)
        self._receiver.__exit__(kind, value, trace)


def _child(element: ET.Element, path: str) -> ET.Element:
    found = element.find(path)
    if found is None:
        found = ET.SubElement(element, path)
    return found


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
