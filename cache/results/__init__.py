"""Results: the values that a look-up ends with.

Pure. Imports promise, identity, storage and verification.
"""
