"""What things are: tasks, pages, memory, errors, ports. Standard library and pydantic only."""
