"""The commented configuration that ``aqsync init`` writes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from aqsync.config.junk import ignored_in_lines
from aqsync.config.loading import parse_config

# What needs no quotes anywhere; a colon only within a word, as in http://host:8000.
_PLAIN = re.compile(r"[A-Za-z0-9/](?:[A-Za-z0-9_./~-]|:(?=[^:]))*|~/[A-Za-z0-9_./~-]*")

_HEAD = """\
# What aqsync uploads, and where to. Check it with: aqsync check --online
# Durations: 500ms, 5s, 15m, 1h30m. Patterns: as in .gitignore. Paths: ~ is the home folder,
# and relative ones start at this file's folder.

"""
_SERVER_OPTIONS = """\
  # ca_file: /etc/ssl/certs/lab.pem      # certificates to trust, for https with a lab's own CA
  # timeout: 30s                         # for connecting and for small answers
  # stall_timeout: 60s                   # gives a transfer up after so long without progress

"""
_DEFAULTS = """
defaults:                                # each may stand in a mapping too, and counts there
  settle: 5s                             # how long a file must stand still before it is uploaded
  ignore:                                # junk of programs; a list here replaces this one
    [{ignore}]
  # include: ["**/*.csv", "**/*.hdf5"]   # all files, if left out
  # on_local_delete: keep                # or remove: what is deleted here is removed there
  # remove_share: 50%                    # never more of a mapping's files at once
  # growing: off                         # sends no versions of files while they grow
  # databases: snapshot                  # or file, or ignore: how SQLite databases are sent
  # measurement:                         # folders that belong together, each sent once it is whole
  #   folder: "{{date}}/{{run}}/"
  #   complete: {{sentinel: ["done.txt"], quiet: 10m}}
  #   send: when_complete

"""
_TIMING_OPTIONS = """
# transfer:                              # when files travel, and how fast; always, if left out
#   windows: ["22:00-06:00", "sat,sun 00:00-24:00"]
#   rate: 20 MiB/s                       # of all transfers together

# schedule:                              # what the daemon does without being told
#   rescan: 15m                          # a whole look at each directory; events make it quicker
#   rescan_without_events: 1m            # the same where events cannot be trusted
#   mirror: 15m                          # fetches the server's file lists; or "*/10 * * * *"
#   housekeeping: "30 3 * * *"           # tidies the journal; a duration, or as cron has it
#   keep_history: 90d                    # how long `aqsync history` remembers

# status: {listen: 127.0.0.1:8384}       # the page that `aqsync open` opens; null: none
# metrics: {textfile: /var/lib/node_exporter/aqsync.prom}   # for Prometheus
# notify:                                # send messages when something needs you
#   urls: ["https://hooks.example.com/SECRET"]   # posted JSON; mailto:// and others need apprise
# heartbeat: {url: "https://hc.example.com/SECRET"}   # tells a service elsewhere that all goes on
# fleet: {experiment: 20261123-9, name: fridge-pc}   # for `aqsync fleet`: which PCs are silent
"""
_MAPPING_OPTIONS = """\
    # prefix: fridge-1                   # keeps several machines apart in one experiment
    # tags:                              # every rule that matches a file's path adds its tags
    #   - match: "{qubit}/t1_*.csv"      # a name in braces takes one path part, or a piece of one
    #     add: ["qubit:{qubit}"]

  # One mapping for many experiments, where the folder's name holds the EID:
  # - name: by-folder
  #   directory: /data/runs
  #   experiment: "{eid}"
  #   path: "{eid}_*/**"                 # /data/runs/20261123-7_test/iq.csv -> 20261123-7

  # One mapping that makes an experiment of each folder:
  # - name: own-experiments
  #   directory: /data/own
  #   experiment: new
  #   path: "{date}/{name}/**"
  #   title: "{date} {name}"
"""


@dataclass(frozen=True, slots=True)
class MappingDraft:
    """What a person said about one mapping."""

    name: str
    directory: str
    experiment: str
    """An EID, or a template such as ``{eid}``."""
    path: str | None = None
    """With a template: the pattern that holds its names."""
    prefix: str | None = None
    include: tuple[str, ...] = ()
    """Patterns of what is uploaded; empty: all files."""
    preset: str | None = None
    """Settings for the files of a known program."""


def render_config(
    url: str,
    mappings: Sequence[MappingDraft],
    *,
    token_file: str | None = None,
    journal: str | None = None,
    at: Path = Path("aqsync.yaml"),
) -> str:
    """Write a configuration with comments, and make sure that it is valid.

    Args:
        url: The server's address.
        mappings: The mappings, at least one.
        token_file: Where the token is; None for a server that asks for none.
        journal: Where the journal is to be; None for the default place.
        at: Where the file will be: relative paths count from its folder.

    Returns:
        YAML that `load_config` accepts.

    Raises:
        ConfigError: What was said makes no valid configuration.
    """
    token = (
        f"  token_file: {_quoted(token_file)}\n"
        if token_file
        else "  # token_file: ~/.config/aqsync/token   # chmod 600; or set AQSYNC_API_TOKEN\n"
    )
    place = (
        f"journal: {_quoted(journal)}\n"
        if journal
        else "# journal: ~/.local/state/aqsync/journal.db\n"
    )
    text = (
        _HEAD
        + f"server:\n  url: {_quoted(url)}\n"
        + token
        + _SERVER_OPTIONS
        + place
        + _TIMING_OPTIONS
        + _DEFAULTS.format(ignore=ignored_in_lines("     "))
        + "mappings:\n"
        + "\n".join(_mapping(draft) for draft in mappings)
        + _MAPPING_OPTIONS
    )
    parse_config(text, at, is_written=False)
    return text


def _mapping(draft: MappingDraft) -> str:
    values = {
        "name": draft.name,
        "directory": draft.directory,
        "experiment": draft.experiment,
        "path": draft.path,
        "prefix": draft.prefix,
        "preset": draft.preset,
    }
    lines = [f"{key}: {_quoted(value)}\n" for key, value in values.items() if value is not None]
    if draft.include:
        listed = ", ".join(map(_in_quotes, draft.include))
        lines.append(f"include: [{listed}]\n")
    return "  - " + "    ".join(lines)


def _quoted(text: str) -> str:
    """A YAML scalar that reads back as exactly this text."""
    if _PLAIN.fullmatch(text):
        node = yaml.compose(text)
        if node is not None and node.tag == "tag:yaml.org,2002:str":  # not a date, a number or "no"
            return text
    return _in_quotes(text)


def _in_quotes(text: str) -> str:
    return yaml.safe_dump(text, default_style='"', width=1_000_000, allow_unicode=True).rstrip("\n")
