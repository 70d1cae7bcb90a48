"""The JSON that client, command line and web exchange, written down once."""
