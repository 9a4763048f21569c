"""Observability: what happened to a request, what did it cost, and is it any good?

Imports `producers` alone. Its rooms: reports and live_page read the ledger; ledger, metrics and
pricing stand beside each other; tracing writes to logs; pricing and grounding are pure.
"""
