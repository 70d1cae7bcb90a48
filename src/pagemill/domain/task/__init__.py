"""What a task is: its states, pages, events, results, and what was asked for."""
