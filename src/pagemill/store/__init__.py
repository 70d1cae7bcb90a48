"""What survives a crash: tables, migrations, the SQL task queue."""
