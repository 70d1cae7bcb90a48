"""Probes of the machine's memory: host and cgroups, processes, GPUs."""
