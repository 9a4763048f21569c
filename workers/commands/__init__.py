"""Operators' commands: dead letters, the fleet's status, breakers held by hand.

Each module has functions that return data and functions that render it. Imports health.
"""
