"""Evaluation commands: what does `switchgear evaluate` do? May import all packages when it runs."""
