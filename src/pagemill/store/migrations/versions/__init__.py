"""Changes of the schema, oldest first. A revision that was released is never edited.

Revisions import nothing of ours but `older_forms`.
"""
