"""Experiments, tags and tasks, in a database."""
