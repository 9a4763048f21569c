"""Runtime: what every long-running process is made of. May import observability and producers."""
