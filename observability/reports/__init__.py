"""Reports: what did it cost, by whom, and what should change?

Imports the ledger, pricing and the thresholds of grounding.
"""
