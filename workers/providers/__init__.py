"""Providers room: one call of one deployment over HTTP. How is it said, and how did it end?

Imports prompt_cache (which prefix to mark) and tokens (what an untold usage is estimated at). Only
`http`, `response_reading`, `provider`, `registry` and `auth` act; the other rooms inside are pure.
"""
