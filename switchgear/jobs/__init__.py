"""Job commands: what does `switchgear job` do? May import the client's jobs when a command runs."""
