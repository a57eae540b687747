"""Keeping the server filled: deciding, doing, and the loops that drive both."""
