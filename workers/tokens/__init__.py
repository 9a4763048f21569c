"""Token counts: how many tokens is a prompt, estimated or exactly?

Imports no other room of workers.
"""
