"""Decisions: functions from values to values. No clock, no process, no database."""
