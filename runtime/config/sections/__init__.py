"""Sections of `switchgear.yaml` as data. What may be written in each, and what holds by default?

Imports the contract (producers) and names of Redis keys; nothing of router, workers or cache, so
that one reader checks the whole file for all of them.
"""
