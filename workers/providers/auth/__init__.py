"""Authorization room: API keys and AWS signatures. Who are we to a provider?

Imports base.
"""
