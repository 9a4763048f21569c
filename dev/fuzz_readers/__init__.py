"""Fuzzing of every reader of foreign bytes: a corpus, mutations, and what must hold of each.

`python -m dev.fuzz_readers` runs it (`make fuzz`).
"""
