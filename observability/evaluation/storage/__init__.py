"""Storage: where do data sets and evaluations lie on disk, and how are they deleted?"""
