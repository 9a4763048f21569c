"""Observability: what happened to a request, what did it cost, and is it any good?

Imports `producers` alone. Its rooms, from the top: live_page, reports and dashboards; the ledger;
metrics; tracing; grounding; pricing. Pricing and grounding are pure.
"""
