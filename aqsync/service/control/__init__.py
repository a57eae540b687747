"""The local socket on which a running daemon takes orders, and how commands give them."""
