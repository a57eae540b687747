"""The status page: how everything stands, for a browser on this machine."""
