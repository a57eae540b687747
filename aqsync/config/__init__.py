"""The configuration: a YAML file in, validated frozen models out."""

from aqsync.config.cron import Cron, parse_cron
from aqsync.config.loading import (
    FOUND_HERE,
    find_config,
    load_config,
    load_fleet,
    load_server,
    parse_config,
)
from aqsync.config.measurement import Measurement
from aqsync.config.models import Config, MappingConfig, ServerConfig, Settings, TagRule
from aqsync.config.template import MappingDraft, render_config
from aqsync.config.timing import Schedule, Transfer
from aqsync.config.units import parse_duration, parse_rate, parse_share, parse_size
from aqsync.config.windows import Window, Windows, parse_window

__all__ = [
    "FOUND_HERE",
    "Config",
    "Cron",
    "MappingConfig",
    "MappingDraft",
    "Measurement",
    "Schedule",
    "ServerConfig",
    "Settings",
    "TagRule",
    "Transfer",
    "Window",
    "Windows",
    "find_config",
    "load_config",
    "load_fleet",
    "load_server",
    "parse_config",
    "parse_cron",
    "parse_duration",
    "parse_rate",
    "parse_share",
    "parse_size",
    "parse_window",
    "render_config",
]
