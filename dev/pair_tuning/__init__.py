"""Pair tuning: what the cross-encoder of the cache's pairs learns from, and how."""
