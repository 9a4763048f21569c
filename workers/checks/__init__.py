"""Checks room: the validators of a request, run over its answer within limits.

What is wrong with an answer? Imports nothing of the other rooms. What a sender wrote as a program,
a pattern or a schema, runs in a process that can be killed, unless its cost is known to be small.
"""
