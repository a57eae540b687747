"""The pages of the documentation, block by block."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from docs.generate import HERE

TOP = HERE.parent
GENERATED = {HERE / "reference" / name for name in ("api.md", "commands.md", "errors.md")}
PAGES = sorted(
    {*TOP.glob("*.md"), *HERE.rglob("*.md"), *(TOP / "systemd").glob("*.md")}
    - GENERATED
    - {*(HERE / "decisions").iterdir()}
)
NOT_HERE = re.compile(r"# (as root|with systemd|in the clone)\b")
"""The first line of a block whose commands no test can run: people see by it where they belong."""
_BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """What stands between two fences.

    Attributes:
        language: As the opening fence names it; may be empty.
        text: Its lines, without what indents all of them.
    """

    language: str
    text: str

    @property
    def is_run(self) -> bool:
        """Whether tests run it as it stands."""
        return self.language == "sh" and not NOT_HERE.match(self.text)


def blocks(page: Path) -> list[Block]:
    """The blocks of a page in their order."""
    return [
        Block(language, re.sub(rf"^{indent}", "", text, flags=re.MULTILINE))
        for indent, language, text in _BLOCK.findall(page.read_text())
    ]


def texts(page: Path, language: str) -> list[str]:
    """The blocks of one language."""
    return [block.text for block in blocks(page) if block.language == language]


def named(value: object) -> str:
    """Call a page by its path in the clone."""
    return str(value.relative_to(TOP)) if isinstance(value, Path) else str(value)


def configuration(text: str) -> dict[str, Any]:
    """A block of YAML as PyYAML reads it, but for the key `on`, which it takes for true."""
    found: dict[str, Any] = yaml.safe_load(re.sub(r"(?m)^( *)on:", r"\1'on':", text))
    return found
