"""Verification: tokens, guard, features, model. Does one answer serve two questions?

Pure. Of the cache it imports this room alone; number words come from observability.grounding.
"""
