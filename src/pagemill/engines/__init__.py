"""Page image → `Page`. The server uses the registry; only workers load everything else."""
