"""Batches under faults: is anything lost, late, paid twice, or at full price? `make batches`."""
