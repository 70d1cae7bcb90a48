"""What is done regularly: each duty has one shape: a config, `start`, `run_once` and `stop`."""
