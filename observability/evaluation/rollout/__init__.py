"""Rollout room (pure): what do a model swap's requests show, and does it go on, or back?

Imports the contract alone.
"""
