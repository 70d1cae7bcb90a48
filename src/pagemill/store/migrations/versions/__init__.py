"""Changes of the schema, oldest first. Never edit a revision that was released.

Numbers begin at 0301, for version 0.1: those below it belong to versions that were never released. Until 0.1 is out, a
change of the schema goes into these revisions, with higher numbers, so that databases of older checkouts are refused.
Revisions import nothing of ours but `listed_values`.
"""
