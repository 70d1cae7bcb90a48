"""What should happen: task management, dispatching, retries, events."""
