"""What survives a crash: tables, migrations and the SQL queue, on SQLite and PostgreSQL alike."""
