"""Gathering, pure: which waiting requests become a batch now?

Columns of offsets and sizes, limits with their sources, and the decision.
"""
