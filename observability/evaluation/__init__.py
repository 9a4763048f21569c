"""Evaluation: which model is good enough for which task, proven on what was really asked?

Imports the rooms of observability below it and `producers`. What it needs of higher floors (the
canonical form, the checks of answers, the configuration) the command passes in.
"""
