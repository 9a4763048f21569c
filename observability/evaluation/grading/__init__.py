"""Grading: is an answer good, by the metric that the operator chose? Pure."""
