"""Embeddings: the dialect of `/v1/embeddings`."""
