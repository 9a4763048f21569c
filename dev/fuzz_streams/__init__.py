"""Fuzzing of stream readers: recordings, damage, laws; `python -m dev.fuzz_streams` runs it."""
