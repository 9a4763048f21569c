"""Usage ledger: what did each request cost, booked once?

Imports `observability.metrics` and `observability.pricing`.
"""
