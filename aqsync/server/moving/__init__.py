"""Moving whole experiments into a server's storage and out of it."""
