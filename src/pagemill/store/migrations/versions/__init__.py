"""Changes of the schema, oldest first. Never edit a revision that was released.

Numbers begin at 0101, for version 0.1: those below it belong to versions that were never released.
Revisions import nothing of ours but `listed_values`.
"""
