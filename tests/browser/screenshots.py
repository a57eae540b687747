"""``python -m tests.browser.screenshots FOLDER``: pictures of the status page in a demo set-up.

A real server, a real daemon and real files in several states; run it in a mount namespace of its
own, as `make screenshots` does, so that the pictures name no directory of this machine.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import yaml
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

from aqsync.layout.fleet import Need, fleet_name, seal
from tests.browser.looking import FLAGS, one, wait
from tests.support.daemon import Daemon
from tests.support.embedded import EmbeddedServer
from tests.support.fleet import a_status
from tests.support.project import Project

LAB = Path("/srv/lab")
WIDE, PHONE = (1100, 820), (390, 844)
RATE = "300 KiB/s"
ROOTS = ("fridge-1", "spectrometer", "archive")


def main() -> int:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "lab", "/srv"], check=True)
    LAB.mkdir()
    with EmbeddedServer(LAB / "server") as server, _chromium() as chrome:
        project = Project(LAB, server.url)
        eids = _configure(project)
        _had_before(project)
        _other_pcs(project, eids["fleet"])
        with Daemon(project).start():
            chrome.get(project.run("open", "--print").out.strip())
            _comes_now()
            wait(chrome, lambda: _is_under_way(chrome))
            _pictures(chrome, folder, "overview", "/")
            others = chrome.find_elements(By.CSS_SELECTOR, "nav a:not([href='/'])")
            for path in [urlsplit(str(each.get_attribute("href"))).path for each in others]:
                if path != "/needs-you":
                    _pictures(chrome, folder, path.strip("/"), path)
            chrome.get(urljoin(chrome.current_url, "/"))
            _needs_somebody(project, eids)
            wait(chrome, lambda: "14 files" in one(chrome, "#live").text)
            wait(chrome, lambda: "1 file in spectrometer" in one(chrome, "#live").text)
            _pictures(chrome, folder, "needs-you", "/needs-you")
            [question, *_] = chrome.find_elements(By.PARTIAL_LINK_TEXT, "Overwrite it")
            _pictures(chrome, folder, "question", str(question.get_attribute("href")))
            _pictures(chrome, folder, "charts", "/charts")
            _pictures(chrome, folder, "files", "/files?q=sample-d")
            _pictures(chrome, folder, "folder", "/files/folder?mapping=fridge-1&path=cooldown-12")
            file = "sample-b/overnight.csv"
            _pictures(chrome, folder, "file", f"/files/file?mapping=spectrometer&path={file}")
            chrome.get(urljoin(chrome.current_url, "/health"))
            one(chrome, "#examine").click()
            wait(chrome, lambda: "Examined" in one(chrome, "#live").text)
            _pictures(chrome, folder, "health", "/health")
        project.close()
    return 0


def _configure(project: Project) -> dict[str, str]:
    """Three mappings; returns their experiments."""
    eids = {name: project.server.create_experiment(name, "").eid for name in (*ROOTS, "fleet")}
    mappings = [
        {"name": name, "directory": str(LAB / name), "experiment": eid}
        for name, eid in eids.items()
        if name in ROOTS
    ]
    quiet = {"complete": {"quiet": "1h"}, "folder": "{cooldown}/{run}/"}
    config = {
        "server": {"url": project.url},
        "journal": str(project.journal),
        "transfer": {"rate": RATE},
        "fleet": {"experiment": eids["fleet"], "name": "fridge-pc"},
        "status": {"listen": "127.0.0.1:0"},
        "defaults": {"settle": "1m"},
        "mappings": [mappings[0] | {"measurement": quiet}, *mappings[1:]],
    }
    project.config.write_text(yaml.safe_dump(config))
    return eids


def _write(path: str, content: str | bytes, *, age_s: float = 7200.0) -> None:
    """Write a file that has been so for some time."""
    file = LAB / path
    file.parent.mkdir(parents=True, exist_ok=True)
    new = LAB / "new"
    new.write_bytes(content.encode() if isinstance(content, str) else content)
    at = time.time() - age_s
    os.utime(new, (at, at))
    new.rename(file)


def _had_before(project: Project) -> None:
    """What was sent earlier."""
    for number in range(1, 41):
        _write(f"archive/2026-10-{number % 28 + 1:02}/run-{number}.csv", "1,2\n" * 40 * number)
        _write(f"fridge-1/cooldown-12/{number % 4 + 1}/trace-{number}.csv", "0.1,7\n" * 90)
    for name in ("reference/lamp.csv", "sample-b/overnight.csv", "sample-b/setup.json"):
        _write(f"spectrometer/{name}", "400,0.1\n" * 200)
    ran = project.run("push")
    assert ran.exit_code == 0, ran.text


def _comes_now() -> None:
    """What is on its way when the pictures are taken."""
    noise = os.urandom(1 << 20)
    for number, size in enumerate((31, 22, 12), 41):
        _write(f"fridge-1/cooldown-12/5/sweep-{number}.npy", noise * size)
    _write("fridge-1/cooldown-12/6/sweep-44.csv", "0.1,7\n" * 90, age_s=0.0)
    _write("spectrometer/sample-c/live.csv", "1\n", age_s=0.0)


def _needs_somebody(project: Project, eids: dict[str, str]) -> None:
    """Conflicts, and a file that was emptied."""
    uuid = project.server.experiment_by_eid(eids["spectrometer"]).uuid
    theirs = b"400,0.2\n" * 50
    for number in range(1, 15):
        name = f"sample-d/scan-{number:02}.csv"
        project.server.upload(uuid, name.replace("/", "~"), [theirs], len(theirs))
        _write(f"spectrometer/{name}", "400,0.3\n" * 60 * number)
    _write("spectrometer/sample-b/overnight.csv", "")


def _other_pcs(project: Project, eid: str) -> None:
    """PCs that told something of themselves once."""
    uuid = project.server.experiment_by_eid(eid).uuid
    now = project.server.server_time()
    of_all = {"experiment": str(uuid), "server_time": now, "started_at": now, "release": "0.1.0"}
    stuck = {"light": "needs you", "files": 14, "bytes": 31 << 20, "files_for_person": 14}
    why = Need(mapping="main", code="conflict-name-taken", files=14)
    gone = {"light": "busy", "files": 3, "bytes": 5 << 28, "every_s": 1.0}
    for number, (name, more) in enumerate(
        {"laser-pc": stuck | {"needs": (why,)}, "qdac-pc": gone, "dilution-pc": {}}.items()
    ):
        identity = f"{number:012}"
        of_it = {"name": name, "host": f"lab-{number}", "id": identity, "light": "all up there"}
        content = seal(a_status(**{**of_all, **of_it, **more}), None)
        project.server.upload(uuid, fleet_name(name, identity), [content], len(content))


def _is_under_way(chrome: webdriver.Chrome) -> bool:
    bars = chrome.find_elements(By.CSS_SELECTOR, "progress")
    return any(float(bar.get_property("position") or 0) > 0.05 for bar in bars) and (  # type: ignore[arg-type]
        "left" in one(chrome, ".lead").text
    )


def _draws(chrome: webdriver.Chrome) -> bool:
    """Whether a chart is still to be drawn."""
    return bool(chrome.find_elements(By.CSS_SELECTOR, "[data-plot]:not(:has(canvas))"))


def _pictures(chrome: webdriver.Chrome, folder: Path, name: str, path: str) -> None:
    """A picture in light, one in the dark, and one on a phone."""
    for kind, size, scheme in (
        ("light", WIDE, "light"),
        ("dark", WIDE, "dark"),
        ("phone", PHONE, "light"),
    ):
        media = [{"name": "prefers-color-scheme", "value": scheme}]
        chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})
        metrics = {
            "width": size[0],
            "height": size[1],
            "deviceScaleFactor": 1,
            "mobile": kind == "phone",
        }
        chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        chrome.get(urljoin(chrome.current_url, path))
        wait(chrome, lambda: one(chrome, "h1").is_displayed() and not _draws(chrome))
        chrome.save_screenshot(str(folder / f"{name}-{kind}.png"))
    chrome.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@contextmanager
def _chromium() -> Iterator[webdriver.Chrome]:
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    assert program is not None
    assert driver is not None
    options = webdriver.ChromeOptions()
    options.binary_location = program
    with tempfile.TemporaryDirectory() as profile:
        for flag in (*FLAGS, "--hide-scrollbars", f"--user-data-dir={profile}"):
            options.add_argument(flag)
        with webdriver.Chrome(options, Service(driver)) as chrome:
            yield chrome


if __name__ == "__main__":
    sys.exit(main())
