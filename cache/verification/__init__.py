"""Verification: tokens, guard, features, model. Does one answer serve two questions?

Pure. Imports nothing of the cache outside of this room; the number words of observability.grounding.
"""
