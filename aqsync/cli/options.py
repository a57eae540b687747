"""Options and kinds of values that several commands take."""

from __future__ import annotations

from datetime import datetime

import click

from aqsync.cli.points_in_time import point_in_time
from aqsync.config import parse_duration
from aqsync.config.units import LONGEST_DURATION_S

json_option = click.option("--json", is_flag=True, help="Print JSON instead of lines.")
no_scan_option = click.option(
    "--no-scan", is_flag=True, help="Do not scan the disk now; use the last scan."
)
hash_option = click.option("--hash", "show_hash", is_flag=True, help="Print SHA-256 too.")
yes_option = click.option("--yes", "-y", is_flag=True, help="Do not ask, do it.")


class Duration(click.ParamType[float, str]):
    """How long something may take, such as ``90s``; in seconds."""

    name = "duration"

    def convert(
        self, value: str | float, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read it."""
        if isinstance(value, float):
            return value
        try:
            seconds = parse_duration(value)
        except ValueError as exc:
            self.fail(f"{exc}, such as 90s, 15m or 30d", param, ctx)
        if seconds > LONGEST_DURATION_S:
            self.fail(f"{value!r} is longer than ten years", param, ctx)
        return seconds


class PointInTime(click.ParamType[datetime, str]):
    """A date, a date with a time, or how long ago.

    Args:
        end_of_day: Whether a date alone means the end of that day, not its beginning.
    """

    name = "time"

    def __init__(self, *, end_of_day: bool = False) -> None:
        self._end_of_day = end_of_day

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Read it."""
        try:
            return point_in_time(value, datetime.now().astimezone(), end_of_day=self._end_of_day)
        except ValueError as exc:
            self.fail(str(exc), param, ctx)


since_option = click.option(
    "--since",
    type=PointInTime(),
    help="From this time on: 2026-11-23, '2026-11-23 10:00', or 2d for two days ago.",
)
until_option = click.option(
    "--until",
    type=PointInTime(end_of_day=True),
    help="Up to this time; a date includes the whole day.",
)
