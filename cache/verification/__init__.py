"""Verification: tokens, guard, features, model. Does one answer serve two questions?

Pure. Of the cache it imports this room and wording; number words come from observability.grounding.
"""
