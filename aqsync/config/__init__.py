"""The configuration: a YAML file in, validated frozen models out."""

from aqsync.config.loading import find_config, load_config, load_server, parse_config
from aqsync.config.models import Config, Mapping, ServerConfig, Settings, TagRule
from aqsync.config.template import MappingDraft, render_config
from aqsync.config.units import parse_duration, parse_share, parse_size

__all__ = [
    "Config",
    "Mapping",
    "MappingDraft",
    "ServerConfig",
    "Settings",
    "TagRule",
    "find_config",
    "load_config",
    "load_server",
    "parse_config",
    "parse_duration",
    "parse_share",
    "parse_size",
    "render_config",
]
