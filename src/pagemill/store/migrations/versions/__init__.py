"""Changes of the schema, oldest first. A revision that was released is never edited, and imports nothing of ours."""
