"""What the commands of `aqsync serve` share."""
