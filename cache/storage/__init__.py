"""Storage: entries, leases and accounting in Redis. Imports neither identity nor verification.

What it stores it knows as text, digests and bodies.
"""
