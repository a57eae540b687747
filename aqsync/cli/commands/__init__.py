"""The commands, one module each: its options, what it does and what it prints."""
