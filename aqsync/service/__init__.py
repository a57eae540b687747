"""The daemon and what surrounds it: signals, logs, systemd, the calendar, HTTP for commands."""
