"""Python packages made on the spot, for installations without a network."""

from __future__ import annotations

import zipfile
from pathlib import Path


def make_wheel(folder: Path, name: str, version: str, source: str) -> Path:
    """Make a wheel with one module.

    Args:
        folder: Where it is put.
        name: The name of the package and of its module.
        version: Its version.
        source: The module's source.
    """
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": source,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in (*files, f"{info}/RECORD"))
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, content in {**files, f"{info}/RECORD": record}.items():
            archive.writestr(path, content)
    return wheel


BACKEND = '''
"""A build backend that needs nothing: it makes a wheel of the one module beside it."""

import zipfile


def build_wheel(folder, config_settings=None, metadata_directory=None):
    info = "own-1.0.dist-info"
    files = {
        "own.py": open("own.py").read(),
        f"{info}/METADATA": "Metadata-Version: 2.1\\nName: own\\nVersion: 1.0\\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{path},,\\n" for path in (*files, f"{info}/RECORD"))
    with zipfile.ZipFile(f"{folder}/own-1.0-py3-none-any.whl", "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return "own-1.0-py3-none-any.whl"
'''
PROJECT = """
[project]
name = "own"
version = "1.0"

[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""


def make_project(folder: Path, source: str) -> None:
    """Make a folder a project with one module, `own`."""
    (folder / "own.py").write_text(source)
    (folder / "backend.py").write_text(BACKEND)
    (folder / "pyproject.toml").write_text(PROJECT)
