"""``python -m aqsync``: the command ``aqsync``, by whichever Python."""

from aqsync.cli.main import main

main()
