"""Evaluation statistics: do the cases prove a difference, or is it chance? Pure.

Randomness is a generator that the caller seeds and passes in.
"""
