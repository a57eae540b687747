"""Moving between a server's storage and what lies outside: other servers, archives, notebooks."""
