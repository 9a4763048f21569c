"""Configuration: what does `switchgear.yaml` say, now?

Imports the contract (producers), prices and names of Redis keys; one reader checks all sections for
router, workers and cache.
"""
