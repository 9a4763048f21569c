"""What does a request take, counted and not timed? `python -m bench.request_counts`."""
