"""What the machine says of its memory: host and cgroups, processes, GPUs."""
