"""Keeping the server filled: deciding, doing, and the engine that drives both."""
