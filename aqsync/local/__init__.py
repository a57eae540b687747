"""This disk: looking at it, reading it, and the rules for its paths."""
