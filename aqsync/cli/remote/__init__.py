"""What the commands on experiments, tags, files, extensions and tasks do and print."""
