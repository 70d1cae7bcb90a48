"""The door for clients of Apache Tika's server."""
