"""Accounting room: reply, usage event, savings, groundedness, LLM judge, feedback.

What is an answer worth, and what is told of it? Imports calling, planning, health and delivery.
"""
