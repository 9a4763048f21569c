"""Bedrock room (pure): the Converse dialect and its event stream.

Imports base, blocks and errors.
"""
