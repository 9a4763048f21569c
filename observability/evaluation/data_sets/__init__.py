"""Data sets: which cases is a candidate asked, and where do they come from? Pure."""
