"""Dashboards and alerts: what do people look at, and when are they woken?

Imports the names of `observability.metrics`.
"""
