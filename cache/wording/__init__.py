"""Wording: courtesy, measures, numerals, contractions. In which other words is the same asked?

Pure. Of the cache it imports this room alone; number words come from observability.grounding.
"""
