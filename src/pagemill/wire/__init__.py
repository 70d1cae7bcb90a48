"""The JSON that client, command line and web exchange, defined once."""
