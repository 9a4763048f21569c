"""Routing decision, pure: which tier, and why?

May import text, learn and the data of the configuration; no I/O, no clock, no randomness.
"""
