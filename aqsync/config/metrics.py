"""Where metrics go besides the status page's ``/metrics``: the section ``metrics``."""

from __future__ import annotations

from pydantic import Field

from aqsync.config.section import LocalPath, Section


class MetricsConfig(Section):
    """Metrics."""

    textfile: LocalPath | None = Field(
        default=None, description="the path of a file that ends with .prom, or null"
    )
