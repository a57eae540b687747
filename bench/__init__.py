"""Benchmarks of ``aqsync push`` beside bare tools, as real processes against a real server.

Every figure is a ratio or a difference within one run on one machine, so that it means the same
on another. ``python -m bench --help`` tells how to run them.
"""
