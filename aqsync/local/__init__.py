"""This disk: looking at it, reading it, and the rules and names for its paths."""
