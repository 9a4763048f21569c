"""Tracing: what did each hop do for a request, and how long did it take?

Imports `observability.logs` and `producers`.
"""
