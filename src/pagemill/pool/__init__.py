"""Where work runs: model sets as processes, and the pool that hands them out."""
