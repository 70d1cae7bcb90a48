"""Page image → `Page`. The registry is for the server; everything else is loaded in workers only."""
