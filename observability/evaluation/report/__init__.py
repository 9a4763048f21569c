"""Evaluation report: how do people read what an evaluation measured?

Imports the results, and the rooms of observability below; acts on nothing but the console.
"""
