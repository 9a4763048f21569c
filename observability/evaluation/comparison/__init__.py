"""Comparison: what do all graded answers say of each candidate beside the baseline? Pure."""
