"""Benchmarks of ``aqsync push`` and ``aqsync run`` beside other tools, with a real server.

Figures that are to mean the same on another machine are ratios within one run on one machine.
``python -m bench --help`` tells how to run them.
"""
