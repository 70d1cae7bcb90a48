"""Doors: interfaces of other OCR services, so that their clients can use this one.

    client ─▶ Entrance ─▶ frame and guard ─▶ the door's endpoint ─▶ DoorTasks ─▶ TaskManager, TaskReader

A door translates. It has no tasks of its own: keys, owners, limits, fair shares and deletion are those of all tasks.
"""
