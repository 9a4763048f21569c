"""Answers: features of two answers to one question, and a model of them. Do both say the same?

Pure. Imports the tokenizer and the guard of verification.
"""
