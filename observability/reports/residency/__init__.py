"""Residency report: whose data went where, and who can prove that it says so?

May import the ledger's seam, the grammar of periods, and a library for signatures.
"""
