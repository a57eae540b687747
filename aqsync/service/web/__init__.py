"""The daemon answers HTTP here, and commands ask it; see docs/reference/control.md."""
