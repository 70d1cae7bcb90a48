"""What happened to a task: counted, recorded, and told to whoever waits."""
