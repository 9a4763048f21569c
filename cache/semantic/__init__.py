"""Semantic search: embedder, vector index, error bound. Was it asked in other words already?

Imports results, identity, storage and verification.
"""
