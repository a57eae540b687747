"""What monitoring systems read: metrics, and whether the daemon is alive and ready."""
