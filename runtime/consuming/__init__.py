"""Consuming: how are many records handled at once, and none lost? May import config."""
