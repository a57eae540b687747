"""What ``aqsync doctor`` looks at. No check changes anything, here or on the server."""
