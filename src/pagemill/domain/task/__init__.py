"""What a task is: its states, pages, events, results and options."""
