"""Evaluation at work: the test of the source article, end to end. `python -m bench.evaluation`."""
