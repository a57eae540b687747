"""Messages to people: what is told, when, and by which way."""
