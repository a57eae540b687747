"""The GraphQL API: the schema of an Aqueduct server and its resolvers."""
