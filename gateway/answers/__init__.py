"""Answers: what a caller has of an answer so far, and the seam that each dialect fills."""
