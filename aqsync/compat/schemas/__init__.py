"""The texts of operations."""
