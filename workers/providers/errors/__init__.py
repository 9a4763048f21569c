"""Errors room (pure): classification, rate limit headers, Retry-After. Which failure is this?

Imports base.
"""
