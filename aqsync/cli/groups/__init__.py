"""Commands that work on what is on the server: what each takes, and where it is done."""
