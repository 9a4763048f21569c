"""Prompt cache policy: which prefix of a prompt is worth marking for the provider's cache?

Pure. Imports no other room of workers.
"""
