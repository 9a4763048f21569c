"""Bedrock room (pure): the Converse dialect and its event stream.

Imports base, blocks, errors and the prompt cache policy.
"""
