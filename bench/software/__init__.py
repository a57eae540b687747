"""What laboratories measure with: each module writes with one real package, and reads with it.

They run in the environment of those packages (``make .venv-measurements/.installed``), by
``python -m bench.software``, and import nothing of aqsync.
"""
