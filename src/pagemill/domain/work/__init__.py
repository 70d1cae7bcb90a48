"""The work of workers: requests, engines and outcomes."""
