"""The GraphQL half of the server: the schema of an Aqueduct server and what answers it."""
